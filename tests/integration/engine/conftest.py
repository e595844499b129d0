"""What all tests of the engine need."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from pytest_django.fixtures import Settings

from batchgen.redis import client as redis
from tests.conftest import Simulator
from tests.loops import Loop

if TYPE_CHECKING:
    from tests.integration.engine.bench import Bench
    from tests.integration.engine.shelf import Batching


@pytest.fixture(autouse=True)
def _short_lease(settings: Settings) -> None:
    """A server that has been up for less than a lease takes nobody for dead; this one is young."""
    settings.WORKER_LEASE_S = 1


@pytest.fixture(autouse=True)
def _open_gates() -> None:
    """What the provider refused to an earlier test closes no gate for this one."""
    redis.client().flushdb()


@pytest.fixture(params=["single", "group"])
def grouping(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each move of a lane is a single one, and then one of a group (hands.py)."""
    from tests.integration.engine import hands  # once Django is set up

    monkeypatch.setattr(hands, "grouped", request.param == "group")


@pytest.fixture
def bench(simulator: Simulator) -> Iterator["Bench"]:
    """Attempts whose calls go to the simulator."""
    from tests.integration.engine.bench import bench_open  # Django is set up by now

    simulator.reset()
    with bench_open(simulator.url) as bench:
        yield bench


@pytest.fixture
def batching(loop: Loop, settings: Settings) -> Iterator["Batching"]:
    """A lane for batches that asks at once, with slices of four."""
    from batchgen.db.sql import AsyncDatabase
    from tests.integration.engine.shelf import Batching  # Django is set up by now

    settings.BATCH_POLL_S = settings.BATCH_POLL_MOST_S = 0
    settings.BATCH_SLICE = 4
    database = AsyncDatabase()
    loop.run(database.open())
    yield Batching(loop, database)
    loop.run(database.close())
