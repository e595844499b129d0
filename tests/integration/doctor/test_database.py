"""Each fault of a PostgreSQL, a role or the way there has its finding, from `manage.py doctor`."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from batchgen.local import stack
from batchgen.local.local_dir import ROOT, free_port
from batchgen.local.postgres import Postgres
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from tests.integration.postgresql.conftest import admin, poolers, server  # noqa: F401 - fixtures
from tests.pgbouncer import PgBouncer

pytestmark = pytest.mark.django_db(transaction=True)

Admin = psycopg.Connection[Any]
Poolers = Callable[..., PgBouncer]


def diagnosis(url: str, *, pooled: str = "") -> dict[str, Any]:
    """What it finds of the database there; by code, of several the last."""
    environment = {**stack.base_environment(), "DATABASE_URL": url}
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "database", "--json"],
        env={**environment, "BATCHGEN_DATABASE_POOLED": pooled},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = json.loads(done.stdout)
    assert done.returncode == (1 if found["errors"] else 0)
    assert "Traceback" not in done.stderr
    return {each["code"]: each for each in found["findings"]}


def wrong(found: dict[str, Any]) -> dict[str, str]:
    return {code: each["level"] for code, each in found.items() if each["level"] != "ok"}


@pytest.fixture
def role(admin: Admin) -> Iterator[str]:  # noqa: F811
    """A role without any right."""
    admin.execute("CREATE ROLE newcomer LOGIN")
    yield "newcomer"
    admin.execute("DROP OWNED BY newcomer")
    admin.execute("DROP ROLE newcomer")


@pytest.fixture
def empty(admin: Admin) -> Iterator[str]:  # noqa: F811
    """A database with nothing in it."""
    admin.execute("CREATE DATABASE empty")
    yield "empty"
    admin.execute("DROP DATABASE empty WITH (FORCE)")


def test_nothing_is_wrong() -> None:
    found = diagnosis(server())
    assert wrong(found) == {}
    assert {"DATABASE_VERSION", "MIGRATIONS", "DATABASE_RIGHTS"} <= set(found)


def test_nothing_is_wrong_behind_a_pooler(poolers: Poolers) -> None:  # noqa: F811
    assert wrong(diagnosis(poolers(server()).url, pooled="1")) == {}


def test_nobody_is_let_in() -> None:
    found = diagnosis(server(user="nobody_here"))
    assert found["DATABASE_UNREACHABLE"]["level"] == "error"
    assert 'role "nobody_here" does not exist' in found["DATABASE_UNREACHABLE"]["message"]


@pytest.mark.parametrize("ignored", ["", "options"])
def test_a_pooler_that_nobody_told_of(ignored: str, poolers: Poolers) -> None:  # noqa: F811
    found = diagnosis(poolers(server(), ignored=ignored).url)
    assert found["DATABASE_POOLER"]["level"] == "error"
    assert "BATCHGEN_DATABASE_POOLED=1" in found["DATABASE_POOLER"]["todo"]


def test_the_setting_without_a_pooler() -> None:
    assert wrong(diagnosis(server(), pooled="1")) == {"DATABASE_NOT_POOLED": "warning"}


def test_a_server_that_takes_no_writes(admin: Admin, role: str) -> None:  # noqa: F811
    admin.execute("GRANT batchgen TO newcomer")
    admin.execute("ALTER ROLE newcomer SET default_transaction_read_only = on")
    found = diagnosis(server(user=role))
    assert wrong(found) == {"DATABASE_READ_ONLY": "error"}
    assert "(user)" in found["DATABASE_READ_ONLY"]["message"]


def test_no_migrations_yet(empty: str) -> None:
    found = diagnosis(server(dbname=empty))
    assert wrong(found) == {"MIGRATIONS_MISSING": "error", "DATABASE_EXTENSION": "warning"}


def test_a_role_that_may_make_nothing(empty: str, role: str) -> None:
    found = diagnosis(server(dbname=empty, user=role))
    assert wrong(found) == {
        "MIGRATIONS_MISSING": "error",
        "DATABASE_CREATE": "warning",
        "DATABASE_EXTENSION": "error",
    }
    assert "CREATE EXTENSION" in found["DATABASE_EXTENSION"]["todo"]


def test_a_search_path_that_leads_nowhere(admin: Admin, empty: str, role: str) -> None:  # noqa: F811
    admin.execute("ALTER ROLE newcomer SET search_path = app")
    found = diagnosis(server(dbname=empty, user=role))
    assert found["DATABASE_SCHEMA"]["level"] == "error"
    assert "(app)" in found["DATABASE_SCHEMA"]["message"]


@pytest.mark.parametrize("lacking", ["DELETE ON runs_run", "USAGE ON runs_runlog_id_seq"])
def test_a_role_without_a_right(admin: Admin, role: str, lacking: str) -> None:  # noqa: F811
    admin.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO newcomer")
    admin.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO newcomer")
    assert wrong(diagnosis(server(user=role))) == {}
    admin.execute(f"REVOKE {lacking} FROM newcomer".encode())
    found = diagnosis(server(user=role))
    assert wrong(found) == {"DATABASE_RIGHTS": "error"}
    assert lacking in found["DATABASE_RIGHTS"]["message"]


def test_an_extension_out_of_the_search_path(admin: Admin) -> None:  # noqa: F811
    admin.execute("CREATE SCHEMA aside")
    admin.execute("ALTER EXTENSION pg_trgm SET SCHEMA aside")
    try:
        found = diagnosis(server())
    finally:
        admin.execute("ALTER EXTENSION pg_trgm SET SCHEMA public")
        admin.execute("DROP SCHEMA aside")
    assert wrong(found) == {"DATABASE_EXTENSION": "error"}


def test_what_others_could_listen_to(tmp_path: Path) -> None:
    """127.0.0.2 is this machine as well, and no name that says so."""
    postgres = Postgres(tmp_path / "postgres", durable=False)
    logs = LogFiles(tmp_path / "log")
    port = free_port()
    child = postgres.child()
    child = replace(child, argv=[*child.argv, "-c", "listen_addresses=*", "-c", f"port={port}"])
    with Supervisor(logs.line, signals=False) as supervisor:
        supervisor.start(
            replace(child, ready=lambda running: running.find("ready to accept") is not None)
        )
        found = diagnosis(f"postgresql://batchgen@127.0.0.2:{port}/batchgen")
        beside = f"postgresql://batchgen@postgres:{port}/batchgen?hostaddr=127.0.0.2"
        found_beside = diagnosis(beside)
    postgres.forget()
    logs.close()
    assert found["DATABASE_NO_TLS"]["level"] == "warning"
    assert "DATABASE_VERSION" in found_beside
    assert "DATABASE_NO_TLS" not in found_beside, "in a network of containers"


@pytest.mark.parametrize("words", [["migrate"], ["run", "list"]])
def test_a_command_says_in_words_that_nobody_is_let_in(words: list[str]) -> None:
    url = f"postgresql://batchgen@127.0.0.1:{free_port()}/batchgen"
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        env={**stack.base_environment(), "DATABASE_URL": url, "BATCHGEN_LOG_LEVEL": "CRITICAL"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Connection refused" in done.stderr
    assert "Traceback" not in done.stderr


def test_other_programs_defaults_are_no_fault(admin: Admin, role: str) -> None:  # noqa: F811
    admin.execute("GRANT batchgen TO newcomer")
    admin.execute("ALTER ROLE newcomer SET datestyle = 'German'")
    assert wrong(diagnosis(server(user=role))) == {}
