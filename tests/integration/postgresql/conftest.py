"""Roles with defaults of their own, and ways to the test's PostgreSQL for them."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from tests.integration.postgresql.ways import InLoop, InThreads, Way, in_loop
from tests.pgbouncer import PROGRAM, PgBouncer, pgbouncer

Turn = Callable[[str], None]

#: What an administrator may have given a role, for whatever other program.
ODD = {
    "datestyle": "German",
    "intervalstyle": "sql_standard",
    "timezone": "Asia/Kathmandu",
    "bytea_output": "escape",
    "extra_float_digits": "-10",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "client_encoding": "LATIN1",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    # Behind a pooler they hold until the first statement's message is read, so a busy machine needs
    # some room here.
    "statement_timeout": "100ms",
    "lock_timeout": "20ms",
    "idle_in_transaction_session_timeout": "50ms",
    "transaction_timeout": "10s",
    "idle_session_timeout": "5s",
    "gin_fuzzy_search_limit": "1",
    "plan_cache_mode": "force_custom_plan",
    "jit_above_cost": "0",
    "search_path": "public",
}


def server(**changed: str) -> str:
    """The test database's address, past any pooler."""
    from django.db import connection

    parts = conninfo_to_dict(os.environ["BATCHGEN_TEST_SERVER_URL"])
    parts |= {"dbname": connection.settings_dict["NAME"], **changed}
    host = quote(str(parts["host"]), safe="")
    return f"postgresql://{parts['user']}@{host}/{parts['dbname']}"


@pytest.fixture
def admin(transactional_db: None) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection, past any pooler."""
    with psycopg.connect(server(), autocommit=True) as opened:
        yield opened


@pytest.fixture
def turned(admin: psycopg.Connection[Any]) -> Iterator[Turn]:
    """Turns the server read-only (`on`), or back."""

    def turn(value: str) -> None:
        admin.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}".encode())
        admin.execute("SELECT pg_reload_conf()")
        while _told() != value:
            pass

    def _told() -> object:
        with psycopg.connect(server()) as fresh:
            row = fresh.execute("SHOW default_transaction_read_only").fetchone()
        return row and row[0]

    yield turn
    turn("off")


@pytest.fixture
def odd_role(admin: psycopg.Connection[Any]) -> Iterator[str]:
    """A role that may do what the tables' owner may, with odd defaults."""
    admin.execute("CREATE ROLE odd LOGIN")
    for name, value in ODD.items():
        if name != "transaction_timeout" or admin.info.server_version >= 170000:
            admin.execute(f"ALTER ROLE odd SET {name} = '{value}'".encode())
    admin.execute("GRANT batchgen TO odd")
    yield "odd"
    admin.execute("DROP ROLE odd")


@pytest.fixture
def poolers(tmp_path: Path) -> Iterator[Callable[..., PgBouncer]]:
    """Starts PgBouncers in front of an address."""
    if PROGRAM is None:
        pytest.skip("there is no pgbouncer here")
    logs = LogFiles(tmp_path / "poolers")
    with ExitStack() as opened:

        def start(url: str, **options: str) -> PgBouncer:
            supervisor = opened.enter_context(Supervisor(logs.line, signals=False))
            return opened.enter_context(pgbouncer(supervisor, url, **options))

        yield start
    logs.close()


@pytest.fixture
def loop_way(transactional_db: None) -> Iterator[InLoop]:
    """Statements in an event loop."""
    with in_loop() as opened:
        yield opened


@pytest.fixture(params=["threads", "loop"])
def way(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[Way]:
    """Statements in threads, then in an event loop."""
    if request.param == "threads":
        yield InThreads()
    else:
        with in_loop() as opened:
            yield opened
