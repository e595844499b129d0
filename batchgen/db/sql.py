"""Named SQL statements, for what the ORM cannot express or does at twice the cost.

A `.sql` file holds blocks that open with a line `-- name --` and a comment of one or more lines
with the block's purpose. A block that opens with `-- name (part) --` stands where others say
`@name@`; a text that somebody gives may do so, too. `Queries` loads them; `Queries.fetch` runs
one as its own transaction on this process's engine pool: prepared statements (behind a transaction
pooler: none), no health-check round trip. A connection that turns out to be dead is replaced and
the statement is sent once more, so a statement must be safe to run twice: each names the fencing
token of the lane it belongs to.
"""

import logging
import re
import time
from collections.abc import Mapping
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from psycopg.errors import ReadOnlySqlTransaction
from psycopg.rows import dict_row
from psycopg.types.json import JsonbLoader
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import ConnectionPool

from batchgen.db.postgresql.base import renew
from batchgen.db.postgresql.pooled import cursor_class
from batchgen.db.postgresql.session import session_settings
from batchgen.metrics import ROUND_TRIPS

log = logging.getLogger(__name__)

_BLOCK = re.compile(r"^-- (\w+)( \(part\))? --$", re.MULTILINE)
_PART = re.compile(r"@(\w+)@")
#: What a block is for, at its beginning.
_PURPOSE = re.compile(r"\A(?:--.*\n)*")
_PARAMETER = re.compile(r"%\((\w+)\)s")
#: Errors after which the same statement may well succeed at once.
_PASSING = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.UniqueViolation,
)
_TRIES = 3
#: Between two tries at a server that takes no writes.
_READ_ONLY_S = 0.3

#: How the engine's statements are planned.
_PLANS = {
    # Every statement has its index. A plan made while a table was empty reads it whole, and is
    # kept until the table's next ANALYZE.
    "enable_seqscan": "off",
    # Whatever the values, that is the plan. By default a claim was planned anew two times in
    # three, which took PostgreSQL two thirds as long as the claim.
    "plan_cache_mode": "force_generic_plan",
}

Row = dict[str, Any]


class Queries:
    """The named blocks of `.sql` files."""

    def __init__(self, *paths: Path) -> None:
        texts = "".join(path.read_text() + "\n" for path in paths)
        _, *blocks = _BLOCK.split(texts)
        named = list(zip(blocks[::3], blocks[1::3], blocks[2::3], strict=True))
        self._parts = {name: _PURPOSE.sub("", sql.strip()) for name, part, sql in named if part}
        self._sql = {name: sql.strip() for name, part, sql in named if not part}
        self._numbered: dict[str, tuple[str, list[str]]] = {}
        self._trips: dict[str, Any] = {}
        for name in self._sql:
            self._put(name, self._sql[name], counted_as=name)

    def __getitem__(self, name: str) -> str:
        return self._sql[name]

    def variant(self, name: str, word: str, parts: Mapping[str, str]) -> str:
        """The name of a block that is made whole by these parts; made when first asked for.

        Args:
            word: tells it from other variants of the block.
        """
        variant = f"{name} of {word}"
        if variant not in self._numbered:
            self._put(variant, self._sql[name], counted_as=name, parts=parts)
        return variant

    def _put(
        self, name: str, sql: str, *, counted_as: str, parts: Mapping[str, str] | None = None
    ) -> None:
        known = {**self._parts, **(parts or {})}
        while any(part in known for part in _PART.findall(sql)):
            sql = _PART.sub(lambda found: known.get(found[1], found[0]), sql)
        self._sql[name] = sql
        self._trips[name] = ROUND_TRIPS.labels(counted_as)
        self._numbered[name] = _numbered(sql)

    def fetch(self, name: str, params: Mapping[str, object], *, patience_s: float = 0) -> list[Row]:
        """Run a block as one transaction and return its rows, each a dict by column name.

        Args:
            patience_s: how long to go on trying while the server is away, or takes no writes.

        Raises:
            psycopg.Error: as the server said, after a few tries where another may help.
        """
        sql, values = self._bound(name, params)
        deadline = time.monotonic() + patience_s
        for tries in count(1):
            try:
                self._trips[name].inc()
                with engine_pool().connection() as connection:
                    return connection.execute(sql, values, prepare=True).fetchall()
            except (psycopg.OperationalError, ReadOnlySqlTransaction, *_PASSING) as error:
                away = not isinstance(error, _PASSING)
                if tries >= _TRIES and not (away and time.monotonic() < deadline):
                    if isinstance(error, ReadOnlySqlTransaction):
                        # To all who wait for a server it is one that is away.
                        raise psycopg.OperationalError(str(error)) from error
                    raise
                log.warning("%s: %s; once more", name, type(error).__name__)
                if away:
                    _look_for_server(error)
        raise AssertionError("the loop returns or raises")

    def _bound(self, name: str, params: Mapping[str, object]) -> tuple[str, Any]:
        if settings.DATABASE_POOLED:
            return self._sql[name], params
        sql, names = self._numbered[name]
        return sql, [params[name] for name in names]


def _look_for_server(error: Exception) -> None:
    if isinstance(error, ReadOnlySqlTransaction):
        renew(engine_pool())
        time.sleep(_READ_ONLY_S)  # it refuses at once, where a server that is away takes its time
    else:
        # A server that restarted took all of the pool's connections with it.
        engine_pool().check()


def _numbered(sql: str) -> tuple[str, list[str]]:
    """The statement with PostgreSQL's own $1, $2 …, and the parameters' names in that order.

    Psycopg translates named parameters anew for every execution of a statement this long.
    """
    names = list(dict.fromkeys(_PARAMETER.findall(sql)))
    return _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", sql), names


@cache
def engine_pool() -> ConnectionPool[psycopg.Connection[Row]]:
    """This process's pool for named SQL; connections are in autocommit."""
    database = connections["default"]
    options = database.settings_dict["OPTIONS"]["pool"]
    parameters = {
        **database.get_connection_params(),
        **_cursors(database.settings_dict),
        "row_factory": dict_row,
        "autocommit": True,
    }
    return ConnectionPool(
        kwargs=parameters, name="engine", open=True, configure=_configure, **options
    )


def _cursors(database: Mapping[str, Any]) -> dict[str, Any]:
    """Prepared statements with the server's own parameters, where a session is ours alone."""
    if database["POOLED"]:
        return {"cursor_factory": cursor_class({**database["SESSION"], **_PLANS})}
    return {"cursor_factory": psycopg.RawCursor, "prepare_threshold": 0}


def _configure(connection: psycopg.Connection[Row]) -> None:
    # By default the size of a number chooses its SQL type, and each choice of types of all of a
    # statement's parameters would be prepared apart.
    connection.adapters.register_dumper(int, Int8Dumper)
    # Django leaves JSON to its model fields; here rows come as they are.
    connection.adapters.register_loader("jsonb", JsonbLoader)
    if not settings.DATABASE_POOLED:
        for name, value in _PLANS.items():
            connection.execute(f"SET {name} = {value}".encode())
        for statement in session_settings(connection.info.server_version):
            connection.execute(statement.encode())


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
