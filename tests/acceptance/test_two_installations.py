"""Two installations, each with a database of its own, on one Redis."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from batchgen.local.child import ChildFailedError
from batchgen.local.local_dir import ROOT
from batchgen.local.redis import Redis
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from batchgen.redis import client as redis
from tests.acceptance.fleet import wait_for
from tests.acceptance.installations import Installation, database
from tests.conftest import Simulator

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]

_CLAIM_FOR_ANOTHER = (
    "from batchgen.redis import client; client.client().set(client.key('installation'), 'another')"
)


@pytest.fixture(scope="module")
def installed() -> Iterator[str]:
    """A migrated database, to be copied."""
    with database() as (name, environment):
        for command in (("migrate", "--no-input"), ("ensure_superuser",)):
            Installation(environment, ExitStack(), lambda _, __: None).manage(*command)
        yield name


@pytest.fixture
def two(
    installed: str, simulator: Simulator, tmp_path: Path
) -> Iterator[tuple[Installation, Installation]]:
    """With the settings' defaults, but for the addresses."""
    simulator.reset()
    redis.client().flushdb()
    with ExitStack() as opened:
        logs = LogFiles(tmp_path / "log")
        opened.callback(logs.close)
        yield (
            opened.enter_context(_copy(installed, simulator, logs)),
            opened.enter_context(_copy(installed, simulator, logs)),
        )
    redis.client().flushdb()


@contextmanager
def _copy(installed: str, simulator: Simulator, logs: LogFiles) -> Iterator[Installation]:
    """An installation of its own: what names it in the database is new."""
    create = f"CREATE DATABASE {{name}} TEMPLATE {installed}"
    with database(create) as (_, environment), ExitStack() as opened:
        environment["ANTHROPIC_BASE_URL"] = simulator.url
        with psycopg.connect(environment["DATABASE_URL"]) as connection:
            connection.execute("UPDATE batchgen_installation SET id = gen_random_uuid()")
        yield Installation(environment, opened, logs.line)


def test_side_by_side_with_default_settings(two: tuple[Installation, Installation]) -> None:
    """Neither takes a message of the other's: then none is lost, and none is sent again."""
    lpushes = _lpushes()
    for each in two:
        each.work()
    generating = [
        subprocess.Popen(
            [sys.executable, "manage.py", "generate", project, "--watch"],
            env=each.environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        for each in two
        for project in (each.manage("load_sample").split()[-1],)
    ]
    assert [each.wait(timeout=90) for each in generating] == [0, 0]
    epics = 0
    for each in two:
        ((status, done, calls),) = each.query(
            "SELECT run.status, count(*), (SELECT count(*) FROM runs_providercall)"
            " FROM runs_run run JOIN runs_runitem epic ON epic.run_id = run.id GROUP BY run.id"
        )
        assert (status, done) == ("SUCCEEDED", calls)
        epics += int(str(done))
    # Those of a start, or of lanes that move on together, go in one.
    assert 0 < _lpushes() - lpushes <= epics
    keys = {key.decode() for key in cast("list[bytes]", redis.client().keys("*"))}
    for each in two:
        ((mine,),) = each.query("SELECT id FROM batchgen_installation")
        ours = {key for key in keys if key.startswith(f"batchgen:{mine}:")}
        assert ours
        keys -= ours
    assert not keys


def test_a_prefix_that_another_installation_has_is_refused(
    two: tuple[Installation, Installation],
) -> None:
    first, second = two
    for each in two:
        each.environment["BATCHGEN_REDIS_PREFIX"] = "shared:"
    first.serve()
    first.work()
    for start, code in ((second.serve, 3), (second.work, 1)):
        with pytest.raises(ChildFailedError, match=rf"code {code}(.|\n)*shared:installation"):
            start()
    assert not second.query("SELECT FROM runs_worker"), "it was never registered"
    redis.client().delete("shared:installation")
    second.serve()


def test_a_worker_that_waited_for_redis_refuses_then(
    two: tuple[Installation, Installation], tmp_path: Path
) -> None:
    server, (one, _) = Redis(tmp_path / "redis"), two
    one.environment |= {"REDIS_URL": server.url, "BATCHGEN_REDIS_PREFIX": "shared:"}
    with Supervisor(lambda *_: None, signals=False) as supervisor:
        supervisor.start(server.child())
        one.manage("shell", "-c", _CLAIM_FOR_ANOTHER)
    worker = one.work()
    assert worker.code() is None
    with Supervisor(lambda *_: None, signals=False) as supervisor:
        supervisor.start(server.child())
        wait_for(lambda: worker.code() is not None, "the worker ended")
    assert worker.code() == 1
    assert worker.find("belong to another installation")


def _lpushes() -> int:
    stats: dict[str, Any] = redis.client().info("commandstats")
    return int(stats.get("cmdstat_lpush", {"calls": 0})["calls"])
