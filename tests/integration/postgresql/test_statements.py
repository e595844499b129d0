"""Statements come to the same end in a thread and in a loop, whatever the server does."""

import asyncio
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from prometheus_client import REGISTRY
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from batchgen.db.pools import close_engine_pool
from batchgen.db.sql import Queries, Row, Statement
from batchgen.local.postgres import Postgres
from batchgen.local.terminal import LogFiles
from tests.acceptance.faults.bed import Server
from tests.acceptance.fleet import wait_for
from tests.database import connections_cut
from tests.integration.postgresql.conftest import Turn
from tests.integration.postgresql.ways import InLoop, Way
from tests.threads import elsewhere

pytestmark = pytest.mark.django_db(transaction=True)

_AT_ONCE = 6
_SQL = """
-- process --
-- The server's process, after a while, so that each of several has a connection to itself.
SELECT pg_backend_pid() AS pid, pg_sleep(0.1)

-- locked --
-- Waits for whoever has the lock.
SELECT pg_advisory_xact_lock(16), pg_backend_pid() AS pid

-- refused --
-- Does not wait for it.
SELECT name FROM runs_worker FOR UPDATE NOWAIT

-- doubled --
-- Fails whenever it is tried.
INSERT INTO runs_worker (id, name, concurrency, started_at, heartbeat_at, lease_until)
SELECT '00000000-0000-0000-0000-000000000016', 'w1', 1, now(), now(), now()
FROM generate_series(1, 2) RETURNING id

-- wrong --
-- Nothing helps.
SELECT 1 / %(zero)s::int AS result

-- told --
-- What a session is like, and how values come back.
SELECT current_setting('enable_seqscan') AS seqscan, current_setting('plan_cache_mode') AS plans,
       current_setting('timezone') AS zone,
       %(number)s + 1 AS number, '{"a": [1]}'::jsonb AS document

-- prepared --
-- How often it was prepared.
SELECT COUNT(*)::int AS times FROM pg_prepared_statements
WHERE statement LIKE '%%' || %(part)s || '%%'

-- clear --
-- A write.
DELETE FROM runs_lane RETURNING id
"""


@pytest.fixture
def queries(tmp_path: Path) -> Queries:
    file = tmp_path / "queries.sql"
    file.write_text(_SQL)
    return Queries(file)


def statement(
    queries: Queries, name: str, params: Mapping[str, object] | None = None, **times: float
) -> Statement[list[Row]]:
    return Statement(queries=queries, name=name, params=params or {}, read=list, **times)


def pids(said: list[list[Row] | BaseException]) -> set[int]:
    failed = [each for each in said if isinstance(each, BaseException)]
    assert not failed, failed
    return {row["pid"] for rows in said if not isinstance(rows, BaseException) for row in rows}


def trips(name: str) -> float:
    labels = {"statement": name}
    return REGISTRY.get_sample_value("batchgen_database_round_trips_total", labels) or 0.0


def test_a_pool_of_dead_connections_answers_every_statement(way: Way, queries: Queries) -> None:
    processes = [statement(queries, "process")] * _AT_ONCE
    before = pids(way.at_once(processes))
    assert len(before) > 1
    connections_cut()
    connections["default"].close()  # a pooler cuts it, too
    assert not before & pids(way.at_once(processes))


def test_a_statement_whose_connection_is_ended_is_sent_again(
    way: Way, queries: Queries, admin: psycopg.Connection[Any]
) -> None:
    waiting = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 16 AND NOT granted"

    def waits() -> int | None:
        row = admin.execute(waiting).fetchone()
        return row and int(row[0])

    admin.execute("SELECT pg_advisory_lock(16)")
    with ThreadPoolExecutor(1) as thread:
        said = thread.submit(way.one, statement(queries, "locked"))
        wait_for(waits, "the statement waits")
        first = waits()
        admin.execute("SELECT pg_terminate_backend(%s)", [first])
        wait_for(lambda: waits() not in {None, first}, "it waits again")
        admin.execute("SELECT pg_advisory_unlock(16)")
        (row,) = said.result(10)
    assert row["pid"] != first


@pytest.fixture
def own_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that the engine's pools lead to, and nothing else does."""
    logs = LogFiles(tmp_path / "log")
    postgres = Postgres(tmp_path / "own", durable=False)
    server = Server(postgres.child(), logs.line)
    parts = conninfo_to_dict(postgres.url)
    entry = connections["default"].settings_dict
    for name, part in (("HOST", "host"), ("NAME", "dbname"), ("USER", "user")):
        monkeypatch.setitem(entry, name, unquote(str(parts[part])))
    monkeypatch.setitem(entry, "PORT", "")
    close_engine_pool()
    yield server
    close_engine_pool()
    server.close()
    postgres.forget()
    logs.close()


def test_a_server_that_restarts_without_a_goodbye_answers_every_statement(
    own_server: Server, way: Way, queries: Queries
) -> None:
    assert pids(way.at_once([statement(queries, "process")] * _AT_ONCE))
    own_server.end(signal.SIGQUIT)
    with ThreadPoolExecutor(1) as thread:
        said = thread.submit(way.at_once, [statement(queries, "process", patience_s=20)] * _AT_ONCE)
        own_server.start_again()
        assert pids(said.result(30))


def test_a_server_that_takes_no_writes_is_waited_for(
    way: Way, queries: Queries, turned: Turn, admin: psycopg.Connection[Any]
) -> None:
    (before,) = pids(way.at_once([statement(queries, "process")]))
    way.one(statement(queries, "clear"))
    turned("on")
    with pytest.raises(psycopg.OperationalError):
        way.one(statement(queries, "clear"))
    if not settings.DATABASE_POOLED:
        # Another server may have taken its place.
        row = admin.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [before]).fetchone()
        assert row is None
    turning = elsewhere(lambda: turned("off"))
    assert way.one(statement(queries, "clear", patience_s=30)) == []
    turning.join()


def test_who_does_not_wait_for_a_lock_is_told_at_once(
    way: Way, queries: Queries, admin: psycopg.Connection[Any]
) -> None:
    admin.execute(
        "INSERT INTO runs_worker (id, name, concurrency, started_at, heartbeat_at, lease_until)"
        " VALUES (gen_random_uuid(), 'w1', 1, now(), now(), now())"
    )
    asked = trips("refused")
    with admin.transaction():
        admin.execute("SELECT FROM runs_worker FOR UPDATE")
        with pytest.raises(errors.LockNotAvailable):
            way.one(statement(queries, "refused"))
    assert trips("refused") == asked + 1


def test_who_lets_go_for_somebody_tries_again(
    way: Way, queries: Queries, admin: psycopg.Connection[Any]
) -> None:
    admin.execute(
        "INSERT INTO runs_worker (id, name, concurrency, started_at, heartbeat_at, lease_until)"
        " VALUES (gen_random_uuid(), 'w1', 1, now(), now(), now())"
    )
    asked = trips("refused")
    with ThreadPoolExecutor(1) as thread:
        with admin.transaction():
            admin.execute("SELECT FROM runs_worker FOR UPDATE")
            said = thread.submit(way.one, statement(queries, "refused", locked_s=30))
            wait_for(lambda: trips("refused") > asked + 3, "it is tried again and again")
        assert said.result(10) == [{"name": "w1"}]


@pytest.mark.parametrize(
    ("name", "error", "tries"),
    [("wrong", errors.DivisionByZero, 1), ("doubled", errors.UniqueViolation, 3)],
)
def test_only_what_may_help_is_tried_again(
    way: Way, queries: Queries, name: str, error: type[psycopg.Error], tries: int
) -> None:
    asked = trips(name)
    with pytest.raises(error):
        way.one(statement(queries, name, {"zero": 0}))
    assert trips(name) == asked + tries


def test_sessions_and_values_are_alike(way: Way, queries: Queries) -> None:
    # In this order a pool that has grown by one meanwhile asks either connection with both.
    for number in (1, 2**40, 2**40, 1):
        (row,) = way.one(statement(queries, "told", {"number": number}))
        assert row == {
            "seqscan": "off",
            "plans": "force_generic_plan",
            "zone": "UTC",
            "number": number + 1,
            "document": {"a": [1]},
        }
    asked = statement(queries, "prepared", {"part": "AS seqscan"})
    times = [row["times"] for _ in range(_AT_ONCE) for row in way.one(asked)]
    assert max(times) == (0 if settings.DATABASE_POOLED else 1)


def test_a_cancelled_task_leaves_its_connection_to_others(
    loop_way: InLoop, queries: Queries, admin: psycopg.Connection[Any]
) -> None:
    async def given_up() -> None:
        run = loop_way.database.run
        tasks = [asyncio.create_task(run(statement(queries, "locked"))) for _ in range(30)]
        await asyncio.sleep(0.2)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    admin.execute("SELECT pg_advisory_lock(16)")
    loop_way.loop.run(given_up())
    assert pids(loop_way.at_once([statement(queries, "process")] * _AT_ONCE))
    admin.execute("SELECT pg_advisory_unlock(16)")
