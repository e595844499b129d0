"""The pools that named SQL runs on, a thread's and a loop's, and what a process asks of its
connections."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import JsonbLoader
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from batchgen.db.postgresql.pooled import async_cursor_class, cursor_class
from batchgen.db.postgresql.session import session_settings

#: How the engine's statements are planned.
_PLANS = {
    # Every statement has its index. A plan made while a table was empty reads it whole, and is
    # kept until the table's next ANALYZE.
    "enable_seqscan": "off",
    # Whatever the values, that is the plan. By default a claim was planned anew two times in
    # three, which took PostgreSQL two thirds as long as the claim.
    "plan_cache_mode": "force_generic_plan",
}


@cache
def engine_pool() -> ConnectionPool[psycopg.Connection[DictRow]]:
    """This process's pool for named SQL in threads; connections are in autocommit."""
    database = connections["default"].settings_dict
    cursors = (
        # Prepared statements with the server's own parameters, where a session is ours alone.
        {"cursor_factory": cursor_class(_session(database))}
        if database["POOLED"]
        else {"cursor_factory": psycopg.RawCursor, "prepare_threshold": 0}
    )
    return ConnectionPool(
        kwargs={**_parameters(), **cursors},
        name="engine",
        open=True,
        configure=_configure,
        **database["OPTIONS"]["pool"],
    )


def loop_pool() -> AsyncConnectionPool[psycopg.AsyncConnection[DictRow]]:
    """A pool for named SQL in an event loop, to be opened there; connections are in autocommit."""
    database = connections["default"].settings_dict
    cursors = (
        {"cursor_factory": async_cursor_class(_session(database))}
        if database["POOLED"]
        else {"cursor_factory": psycopg.AsyncRawCursor, "prepare_threshold": 0}
    )
    return AsyncConnectionPool(
        kwargs={**_parameters(), **cursors},
        name="loop",
        open=False,
        configure=_configure_async,
        **database["OPTIONS"]["pool"],
    )


def _parameters() -> dict[str, Any]:
    parameters = connections["default"].get_connection_params()
    return {**parameters, "row_factory": dict_row, "autocommit": True}


def _session(database: Mapping[str, Any]) -> dict[str, str]:
    return {**database["SESSION"], **_PLANS}


def _configure(connection: psycopg.Connection[DictRow]) -> None:
    for statement in _adapted(connection):
        connection.execute(statement)


async def _configure_async(connection: psycopg.AsyncConnection[DictRow]) -> None:
    for statement in _adapted(connection):
        await connection.execute(statement)


def _adapted(
    connection: psycopg.Connection[DictRow] | psycopg.AsyncConnection[DictRow],
) -> list[bytes]:
    """The statements that a new connection begins with, once it has its adapters."""
    # By default the size of a number chooses its SQL type, and each choice of types of all of a
    # statement's parameters would be prepared apart.
    connection.adapters.register_dumper(int, Int8Dumper)
    # Django leaves JSON to its model fields; here rows come as they are.
    connection.adapters.register_loader("jsonb", JsonbLoader)
    if settings.DATABASE_POOLED:
        return []
    plans = [f"SET {name} = {value}" for name, value in _PLANS.items()]
    return [each.encode() for each in plans + session_settings(connection.info.server_version)]


def limit_statements(*, seconds: float) -> None:
    """Have the server end statements that take longer, in connections that this process opens
    from now on; 0: none. A web process asks for it before its first connection; migrations and
    workers may take their time."""
    session = connections["default"].settings_dict["SESSION"]
    session["statement_timeout"] = str(round(seconds * 1000))


def connection_give_back() -> None:
    """Give this thread's connection back to the pool before work that needs none; the next query
    takes one again. Inside of a transaction it stays."""
    connection = connections["default"]
    if not connection.in_atomic_block:
        connection.close()


def close_engine_pool() -> None:
    """Give the engine's connections back to the server; the next statement opens new ones."""
    if engine_pool.cache_info().currsize:
        engine_pool().close()
        engine_pool.cache_clear()
