"""What all tests of the engine need."""

import pytest
from pytest_django.fixtures import Settings

from batchgen.redis import client as redis


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
