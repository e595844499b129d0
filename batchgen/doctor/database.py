"""PostgreSQL: does it let us in, is it new enough, and may we do there what we must?"""

from collections.abc import Iterator

import psycopg
from django.db import connections

from batchgen.doctor.registry import Finding, NotChecked, check, error, ok

_LEAST_VERSION = 150000


def _connect() -> psycopg.Connection:
    """A connection past the pool, whose only word of a refusal is that it waited in vain."""
    parameters = connections["default"].get_connection_params()
    return psycopg.connect(**parameters, autocommit=True)


def _connected() -> psycopg.Connection:
    """The same, for checks that have nothing to say of a server that is away.

    Raises:
        NotChecked: it is.
    """
    try:
        return _connect()
    except psycopg.Error as failure:
        raise NotChecked("PostgreSQL lets nobody in.") from failure


@check("database")
def database_server() -> Iterator[Finding]:
    """It lets us in, and is new enough."""
    try:
        opened = _connect()
    except psycopg.Error as failure:
        yield error(
            "DATABASE_UNREACHABLE",
            f"PostgreSQL lets nobody in: {failure}",
            "Check DATABASE_URL, and that the server is up and lets this host and role in.",
        )
        return
    with opened:
        version = opened.info.server_version
    shown = f"PostgreSQL {version // 10000}.{version % 10000}"
    if version < _LEAST_VERSION:
        yield error("DATABASE_VERSION", f"This is {shown}.", "Use PostgreSQL 15 or newer.")
    else:
        yield ok("DATABASE_VERSION", f"{shown} answers.")
