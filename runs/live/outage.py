"""Whether an error means that a server is away, or concerns one run or client only."""

import re

import psycopg
import redis
from django.db import Error as DjangoDatabaseError
from django.db import InterfaceError, OperationalError

#: States of a Redis that refuse a command to whoever sends it. A script passes them on in its own.
_REFUSES_ALL = re.compile(
    r"\b(OOM|READONLY|MISCONF|MASTERDOWN|LOADING|CLUSTERDOWN|NOREPLICAS|BUSY|UNKILLABLE)\b"
)
_REDIS_AWAY = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.OutOfMemoryError,
    redis.ReadOnlyError,
)
#: SQLSTATEs, or their beginnings: connection, resources, shutdown, system, read-only server.
_POSTGRESQL_AWAY = ("08", "53", "57P", "58", "25006")
_NO_CONNECTION = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    OperationalError,
    InterfaceError,
)


def is_outage(error: BaseException) -> bool:
    """True where the same would happen to any other statement or command now."""
    if isinstance(error, redis.RedisError):
        return isinstance(error, _REDIS_AWAY) or bool(_REFUSES_ALL.search(str(error)))
    if not is_database_error(error):
        return False
    cause = error.__cause__ if isinstance(error, DjangoDatabaseError) else error
    if isinstance(cause, psycopg.Error) and cause.sqlstate:
        return cause.sqlstate.startswith(_POSTGRESQL_AWAY)
    # Without a SQLSTATE the server said nothing: no connection, or one that broke.
    return isinstance(cause or error, _NO_CONNECTION)


def is_database_error(error: BaseException) -> bool:
    """Whether it came from PostgreSQL, or on the way there."""
    return isinstance(error, psycopg.Error | DjangoDatabaseError)
