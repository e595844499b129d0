"""The way of docs/upgrading.md, from the newest release to the program here, under load.

Both versions are real processes; the release is taken from git, and runs with the libraries of the
program here. `make upgrade FROM=REVISION` takes another one.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from batchgen import VERSION
from batchgen.local.child import Running
from batchgen.local.local_dir import ROOT
from batchgen.local.terminal import LogFiles
from batchgen.redis import client as redis
from runs.models import Run, RunItem
from tests.acceptance.fleet import wait_for, wait_until_ended
from tests.acceptance.installations import Installation, database
from tests.acceptance.upgrade.releases import checked_out, commit_of, upgraded_from
from tests.conftest import Simulator
from tests.database import database_shown
from tests.integration.engine.world import assert_open, assert_whole

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

_AT_ONCE = 4
_SETTINGS = {
    "BATCHGEN_WORKER_LEASE_S": "3",
    # Each item is one call.
    "BATCHGEN_QUALITY_BAR": "0",
    "BATCHGEN_STOP_GRACE_S": "5",
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the newest release."""
    revision = os.environ.get("BATCHGEN_TEST_UPGRADE_FROM")
    if not revision:
        newest = upgraded_from((ROOT / "CHANGELOG.md").read_text(), version=VERSION)
        if newest is None:
            pytest.skip("no release since 0.2.0 yet: there is nothing to upgrade from")
        revision = commit_of(newest)
    return checked_out(revision, tmp_path_factory.mktemp("release"))


@pytest.fixture
def before(release: Path, simulator: Simulator, tmp_path: Path) -> Iterator[Installation]:
    """An installation of the release, as it left its database."""
    simulator.reset()
    simulator.config(latency_ms=1000)
    redis.client().flushdb()
    logs = LogFiles(tmp_path / "log")
    with database() as (_, environment), ExitStack() as opened:
        environment |= {**_SETTINGS, "ANTHROPIC_BASE_URL": simulator.url}
        installed = Installation(environment, opened, logs.line, program=release)
        installed.manage("migrate", "--no-input")
        installed.manage("ensure_superuser")
        yield installed
    redis.client().flushdb()
    logs.close()


def test_two_versions_work_side_by_side_and_either_may_die(
    before: Installation, simulator: Simulator, tmp_path: Path
) -> None:
    after = replace(before, program=ROOT)
    first = _start(before, _backlog(tmp_path, "OLD", epics=60))
    # One at a time, so that the run lasts whatever else this machine does.
    outgoing = before.work("outgoing", concurrency=1)
    wait_for(lambda: _working(before) == {"outgoing@test"}, "the release works")
    after.manage("migrate", "--no-input")
    _assert_serves(before, first)
    after.work("incoming", concurrency=_AT_ONCE)
    wait_for(lambda: len(_working(after)) == 2, "both work on one run")
    _kill(outgoing)
    wait_for(lambda: _working(after) == {"incoming@test"}, "its items are given out again")

    # Rows of the release in the new schema, and rows of the program here, for workers of both.
    before.work("back", concurrency=_AT_ONCE)
    joined = after.work("joined", concurrency=_AT_ONCE)
    second = _start(before, _backlog(tmp_path, "NEW", epics=24))
    third = _start(after, _backlog(tmp_path, "NEXT", epics=96))
    wait_for(lambda: {"back@test", "joined@test"} <= _working(after), "they share the work")
    _kill(joined)
    with database_shown(_name(after)):
        runs = [Run.objects.get(id=run) for run in (first, second, third)]
        wait_until_ended(*runs, timeout_s=120)
        for run in runs:
            assert_whole(run)
        assert_open()
        asked = Counter(call["marker"] for call in simulator.stats()["calls"])
        assert asked.keys() == {str(item.id) for item in RunItem.objects.all()}
    assert "adds up" in after.manage("ledger", "check")
    # Of each that was killed what was in flight, and nothing else.
    assert asked.total() - len(asked) <= 1 + _AT_ONCE


def _assert_serves(there: Installation, run: str) -> None:
    """A web process of that version does, on what the database has become."""
    address = f"http://127.0.0.1:{there.serve().child.argv[-1]}"
    body = {"username": "demo", "password": "secret"}
    with httpx2.Client(base_url=address, trust_env=False, timeout=20) as client:
        assert client.get("/readyz").status_code == 200
        token = client.post("/api/v1/auth/token", json=body).json()["data"]["access"]
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.get(f"/api/v1/runs/{run}").json()["data"]["runId"] == run


def _backlog(directory: Path, code: str, *, epics: int) -> Path:
    """So many epics about the same: what they say does not matter here."""
    sample = json.loads((ROOT / "epics" / "sample_backlog.json").read_text())
    sample["project"] |= {"code": code, "name": code}
    each = sample["epics"][0]
    sample["epics"] = [{**each, "code": f"E{i}", "title": f"Berths {i}"} for i in range(epics)]
    path = directory / f"{code}.json"
    path.write_text(json.dumps(sample))
    return path


def _start(there: Installation, backlog: Path) -> str:
    """Import a backlog and start a run over it; the run's id."""
    there.manage("import_backlog", str(backlog))
    options = ("--pacing", "adaptive", "--max-concurrency", str(2 * _AT_ONCE))
    there.manage("generate", backlog.stem, *options)
    ((run,),) = there.query(
        "SELECT run.id FROM runs_run run JOIN epics_project project ON project.id = run.project_id"
        " WHERE project.code = %s",
        backlog.stem,
    )
    return str(run)


def _working(there: Installation) -> set[str]:
    """The names of workers that have calls in flight."""
    rows = there.query(
        "SELECT DISTINCT worker.name FROM runs_lane lane JOIN runs_worker worker"
        " ON worker.id = lane.worker_id WHERE lane.state = 'running'"
    )
    return {str(name) for (name,) in rows}


def _kill(worker: Running) -> None:
    worker.process.kill()
    worker.process.wait()


def _name(there: Installation) -> str:
    return there.environment["DATABASE_URL"].rpartition("/")[2]
