"""/livez and /readyz of a real worker, whose database and Redis go away and come back."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
import pytest
from django.conf import settings
from django.db import connection

from batchgen.local.local_dir import free_port
from batchgen.redis import client as redis
from runs.engine.start import RunOptions, run_start
from runs.models import RunItem
from runs.states import ItemStatus, RunStatus
from tests.acceptance.fleet import Fleet, database_url, wait_for, wait_until_ended
from tests.conftest import Simulator
from tests.integration.engine.world import project_make
from tests.relay import Relayed, relayed

pytestmark = pytest.mark.django_db(transaction=True)


class Probed:
    """A worker's port."""

    def __init__(self) -> None:
        self.port = free_port()

    def lacks(self, probe: str) -> list[str] | None:
        """What it says is missing; None where nobody answers."""
        try:
            answer = httpx2.get(f"http://127.0.0.1:{self.port}{probe}", trust_env=False)
        except httpx2.HTTPError:
            return None
        body: dict[str, Any] = answer.json()
        if answer.status_code == 200:
            assert body["error"] is None
            return []
        assert (answer.status_code, body["data"]) == (503, None)
        missing: list[str] = body["error"]["details"]["missing"]
        return missing

    def await_missing(self, *names: str) -> None:
        """Wait until it is these that keep it from being ready; it lives all the while."""

        def is_so() -> bool:
            assert self.lacks("/livez") in ([], None)
            return self.lacks("/readyz") == [*names]

        wait_for(is_so, f"missing: {names}")
        assert self.lacks("/livez") == []


@pytest.fixture
def database() -> Iterator[Relayed]:
    to = connection.settings_dict
    with relayed(to["HOST"], int(to["PORT"] or 5432)) as relay:
        yield relay


@pytest.fixture
def broker() -> Iterator[Relayed]:
    ((host, port),) = redis.address().hosts
    with relayed(host, port) as relay:
        yield relay


def through(url: str, relay: Relayed) -> str:
    """The address, by way of the relay."""
    parts = urlsplit(url)
    who, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{who}{at}127.0.0.1:{relay.port}"))


def generates() -> None:
    """It works on a run to its end."""
    options = RunOptions(pacing_profile="adaptive", max_concurrency=2)
    run = run_start(project=project_make(epics=2), user=None, options=options)
    wait_until_ended(run)
    assert run.status == RunStatus.SUCCEEDED


def test_it_is_ready_while_its_servers_are_there_and_lives_without_them(
    fleet: Fleet, provider: Simulator, database: Relayed, broker: Relayed
) -> None:
    probed = Probed()
    fleet.environment |= {
        "DATABASE_URL": through(database_url(), database),
        "REDIS_URL": through(settings.REDIS_URL, broker),
        "BATCHGEN_WORKER_METRICS_PORT": str(probed.port),
        "BATCHGEN_HEARTBEAT_S": "0.1",
        "BATCHGEN_WORKER_LEASE_S": "2",
    }
    with ExitStack() as away:
        database.cut()
        away.callback(database.heal)
        worker = fleet.start(registers=False)
        probed.await_missing("start")
    probed.await_missing()

    for relay, name in ((database, "database"), (broker, "redis")):
        relay.cut()
        probed.await_missing(name)
        relay.heal()
        probed.await_missing()
    generates()

    provider.config(latency_ms=3_000)
    run_start(project=project_make(epics=1), user=None, options=RunOptions())
    wait_for(
        lambda: RunItem.objects.filter(status=ItemStatus.GENERATING).exists(), "a call has begun"
    )
    worker.process.terminate()
    probed.await_missing("intake")
    wait_for(lambda: worker.code() is not None, "it has left")
    assert worker.code() == 0
