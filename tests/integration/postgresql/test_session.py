"""What batchgen relies on holds in every session, whatever the role has."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db.utils import ConnectionHandler

from batchgen.db.postgresql.base import DatabaseWrapper
from batchgen.db.postgresql.session import RELIED_ON
from batchgen.db.postgresql.url import database
from tests.integration.postgresql.conftest import server
from tests.pgbouncer import PgBouncer

AT = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)


def opened(url: str, *, pooled: bool) -> DatabaseWrapper:
    """Django's way to an address, without a pool."""
    entry = database(url, pooled=pooled, pool_size=2)
    del entry["OPTIONS"]["pool"]
    entry["SESSION"]["statement_timeout"] = "9000"
    found = ConnectionHandler({"default": entry})["default"]
    assert isinstance(found, DatabaseWrapper)
    return found


@pytest.fixture(params=["direct", "pooled"])
def way(
    request: pytest.FixtureRequest, odd_role: str, poolers: Callable[..., PgBouncer]
) -> Iterator[DatabaseWrapper]:
    url = server(user=odd_role)
    pooled = request.param == "pooled"
    with closing(opened(poolers(url).url if pooled else url, pooled=pooled)) as connection:
        yield connection


def asked(connection: DatabaseWrapper, sql: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        (value,) = cursor.fetchone()
    return value


def settings_in(connection: DatabaseWrapper) -> dict[str, str]:
    names = [name for name in RELIED_ON if not name.startswith(("default_", "idle_session"))]
    sql = "SELECT json_object_agg(name, current_setting(name))::text FROM unnest(%s::text[]) name"
    found: dict[str, str] = json.loads(asked(connection, sql, [*names, "statement_timeout"]))
    return found


@contextmanager
def block(connection: DatabaseWrapper) -> Iterator[None]:
    """A transaction of several statements."""
    connection.set_autocommit(False)
    yield
    connection.commit()
    connection.set_autocommit(True)


def test_each_setting_holds(way: DatabaseWrapper) -> None:
    expected = {**RELIED_ON, "statement_timeout": "9s"}
    found = settings_in(way)
    assert found.items() <= expected.items()
    assert len(found) > 10
    with block(way):
        for _ in range(2):
            assert settings_in(way) == found
            assert asked(way, "SHOW transaction_isolation") == "read committed"
    assert asked(way, "SHOW transaction_isolation") == "read committed"
    assert asked(way, "SHOW transaction_timeout") == "0"


def test_values_are_read_right(way: DatabaseWrapper) -> None:
    assert asked(way, "SELECT %s::timestamptz", AT) == AT
    assert asked(way, "SELECT '2026-03-29 01:30:00.123456+00'::timestamptz") == AT
    assert asked(way, "SELECT 0.1::float8 + 0.2::float8") == 0.1 + 0.2
    assert asked(way, "SELECT %s::bytea", b"\x00\xff\\") == b"\x00\xff\\"
    assert asked(way, "SELECT %s", "back\\slash 'quoted' ł") == "back\\slash 'quoted' ł"
    assert (
        asked(
            way, "SELECT array_length('{NULL}'::text[], 1) - num_nulls(VARIADIC '{NULL}'::text[])"
        )
        == 0
    )


def test_slow_statements_and_idle_transactions_are_not_ended(way: DatabaseWrapper) -> None:
    assert asked(way, "SELECT pg_sleep(0.3)::text") == ""
    with block(way):
        assert asked(way, "SELECT pg_sleep(0.3)::text") == ""
        time.sleep(0.3)
        assert asked(way, "SELECT 1") == 1


def test_nothing_of_ours_stays_with_the_pooler(
    odd_role: str, poolers: Callable[..., PgBouncer], admin: psycopg.Connection[Any]
) -> None:
    """Another program on the same server connection, the only one there is, has its own."""
    for name in ("statement_timeout", "idle_session_timeout"):
        # Odd still, and long enough for who does not set them.
        admin.execute(f"ALTER ROLE odd SET {name} = '50s'".encode())
    pooler = poolers(server(user=odd_role), size="1")
    with closing(opened(pooler.url, pooled=True)) as ours:
        asked(ours, "SELECT 1")
        with block(ours):
            asked(ours, "SELECT 1")
        names = [*RELIED_ON, "enable_seqscan", "plan_cache_mode", "statement_timeout"]
        sql = f"SELECT {', '.join(f'current_setting({name!r})' for name in names)}".encode()
        with psycopg.connect(
            pooler.url, autocommit=True, cursor_factory=psycopg.ClientCursor
        ) as other:
            theirs = other.execute(sql).fetchone()
    with psycopg.connect(server(user=odd_role)) as fresh:
        assert theirs == fresh.execute(sql).fetchone()
