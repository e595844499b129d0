"""What is refused at the start, by web and worker alike, and what is waited for."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connections

from batchgen.db.postgresql import compatibility
from batchgen.local import stack
from batchgen.local.child import Child, logged
from batchgen.local.local_dir import ROOT
from batchgen.local.supervisor import Supervisor
from tests.acceptance.fleet import wait_for
from tests.conftest import Simulator
from tests.integration.postgresql.conftest import server
from tests.pgbouncer import PgBouncer

WEB = [sys.executable, "-m", "batchgen.web", "--port", "0"]
WORKER = [sys.executable, "-m", "celery", "-A", "batchgen", "worker", "-P", "threads", "-c", "1"]

Poolers = Callable[..., PgBouncer]


def environment(url: str, **changed: str) -> dict[str, str]:
    found = {**stack.base_environment(), "DATABASE_URL": url, **changed}
    return {name: value for name, value in found.items() if value}


def ended(argv: list[str], url: str) -> str:
    """What a program says that ends by itself, with an error."""
    done = subprocess.run(
        argv,
        env=environment(url, BATCHGEN_DATABASE_POOLED=""),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode
    return done.stderr


@pytest.mark.parametrize("argv", [WEB, WORKER], ids=["web", "worker"])
@pytest.mark.parametrize("ignored", ["", "options"], ids=["refuses", "swallows"])
def test_a_transaction_pooler_that_nobody_told_of_is_refused_in_words(
    argv: list[str], ignored: str, transactional_db: None, poolers: Poolers
) -> None:
    said = ended(argv, poolers(server(), ignored=ignored).url)
    assert "Set BATCHGEN_DATABASE_POOLED=1" in said
    assert "Traceback" not in said


def test_an_old_server_is_refused_in_words(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        compatibility, "LEAST_VERSION", 990000
    )  # no server of that age can be had here
    with pytest.raises(
        compatibility.IncompatibleServer, match=r"too old: batchgen needs PostgreSQL 15 or newer"
    ):
        compatibility.check_compatibility()


@pytest.mark.parametrize(
    ("mode", "expected"), [("transaction", True), ("statement", True), ("session", False)]
)
def test_a_pooler_that_passes_everything_on_is_known_by_its_connections(
    mode: str, expected: bool, transactional_db: None, poolers: Poolers
) -> None:
    url = poolers(server(), mode=mode).url

    def again() -> psycopg.Connection[Any]:
        return psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor)

    with again() as connection:
        assert compatibility.shares_sessions(connection, again) is expected


def test_a_server_without_a_pooler(transactional_db: None) -> None:
    def again() -> psycopg.Connection[Any]:
        return psycopg.connect(server(), autocommit=True)

    with again() as connection:
        assert not compatibility.shares_sessions(connection, again)


def test_a_server_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "HOST", "/nowhere")
    compatibility.check_compatibility()


def test_before_the_migrations_a_worker_says_so_and_waits(
    admin: psycopg.Connection[Any], simulator: Simulator
) -> None:
    admin.execute("CREATE DATABASE empty")
    lines: list[str] = []
    told = environment(
        server(dbname="empty"),
        BATCHGEN_DATABASE_POOLED="",
        BATCHGEN_REDIS_PREFIX="",  # another database is another installation
        ANTHROPIC_BASE_URL=simulator.url,
    )
    worker = Child(name="worker", argv=WORKER, env=told, cwd=ROOT, ready=logged("lacks migrations"))
    with Supervisor(lambda _, line: lines.append(line), signals=False) as supervisor:
        running = supervisor.start(worker)
        assert any("run `manage.py migrate`" in line for line in lines)
        subprocess.run(
            [sys.executable, "manage.py", "migrate"],
            env=told,
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        wait_for(lambda: any(" ready." in line for line in lines), "the worker is ready")
        assert running.code() is None
    assert not any("Traceback" in line for line in lines)
    admin.execute("DROP DATABASE empty WITH (FORCE)")
