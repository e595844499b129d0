"""Which PostgreSQL servers and poolers are refused at start, because they would fail later.

A server that is away is no reason: it is waited for.
"""

import logging
from collections.abc import Callable

import psycopg
from django.conf import settings
from django.db import connections

from batchgen.db.postgresql.session import MARK

log = logging.getLogger(__name__)

LEAST_VERSION = 150000
#: Looks at a pooler's connections. A busy one may have given one of them away between two looks.
_LOOKS = 5
_POOLER = (
    "DATABASE_URL leads to a connection pooler like PgBouncer, through which prepared statements "
    "collide, and the settings of a session get lost or reach other programs. Set "
    "BATCHGEN_DATABASE_POOLED=1, or let DATABASE_URL lead past the pooler."
)


class IncompatibleServer(Exception):
    """batchgen cannot work there; the message says why and what to do."""


def check_compatibility() -> None:
    """Look at what DATABASE_URL leads to, where it answers.

    Raises:
        IncompatibleServer: it is too old, or a transaction pooler that was not told of.
    """
    try:
        with connect() as connection:
            version(connection)
            if not settings.DATABASE_POOLED and (
                swallows_options(connection) or shares_sessions(connection, connect)
            ):
                raise IncompatibleServer(_POOLER)
    except psycopg.Error as error:
        if refuses_options(error):
            raise IncompatibleServer(_POOLER) from error
        log.warning("PostgreSQL could not be looked at: %s", error)


def connect() -> psycopg.Connection:
    """A connection past the pool, whose only word of a refusal is that it waited in vain.

    Raises:
        psycopg.Error: why there is none.
    """
    parameters = connections["default"].get_connection_params()
    return psycopg.connect(**parameters, autocommit=True)


def refusal() -> str | None:
    """Why there is no connection now; None where there is one."""
    try:
        connect().close()
    except psycopg.Error as error:
        return str(error)
    return None


def version(connection: psycopg.Connection) -> str:
    """The server's, for people.

    Raises:
        IncompatibleServer: it is too old.
    """
    number = connection.info.server_version
    shown = f"PostgreSQL {number // 10000}.{number % 10000}"
    if number < LEAST_VERSION:
        raise IncompatibleServer(f"{shown} is too old: batchgen needs PostgreSQL 15 or newer.")
    return shown


def refuses_options(error: psycopg.Error) -> bool:
    """Whether a pooler (PgBouncer, in any mode) refused how our sessions begin."""
    return "unsupported startup parameter" in str(error)


def swallows_options(connection: psycopg.Connection) -> bool:
    """Whether something on the way kept how our sessions begin for itself."""
    return _asked(connection, f"current_setting('{MARK}', true)") is None


def shares_sessions(
    connection: psycopg.Connection, again: Callable[[], psycopg.Connection]
) -> bool:
    """Whether the connection has its server's session for the time of a transaction only.

    A pooler tells a number of its own at the start, and the server, when asked, its process's:
    which is the same for two connections, or changes, where they share.

    Args:
        again: makes another connection like it.
    """
    if _server(connection) == connection.info.backend_pid:
        return False
    mine = {_server(connection)}
    with again() as other:
        for _ in range(_LOOKS):
            if _server(other) in mine:
                return True
            mine.add(_server(connection))
    return len(mine) > 1


def _server(connection: psycopg.Connection) -> object:
    return _asked(connection, "pg_backend_pid()")


def _asked(connection: psycopg.Connection, expression: str) -> object:
    row = connection.execute(f"SELECT {expression}".encode()).fetchone()
    return row and row[0]
