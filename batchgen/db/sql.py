"""Named SQL statements, for what the ORM cannot express or does at twice the cost.

A `.sql` file holds blocks that open with a line `-- name --` and a comment of one or more lines
with the block's purpose. A block that opens with `-- name (part) --` stands where others say
`@name@`; a text that somebody gives may do so, too. `Queries` loads them.

A `Statement` is a block with its values and what becomes of its rows; it does no I/O. `run` runs it
in a thread, `AsyncDatabase.run` in an event loop, each as its own transaction on a pool of its own:
prepared (behind a transaction pooler: not), no health-check round trip. A connection that turns out
to be dead is replaced and the statement is sent once more, so a statement must be safe to run
twice: each names the fencing token of the lane it belongs to.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import psycopg
from django.conf import settings

from batchgen.db.pools import engine_pool, loop_pool
from batchgen.db.postgresql.base import renew, renew_async
from batchgen.db.retries import Remedy, Tries
from batchgen.metrics import ROUND_TRIPS

T = TypeVar("T")

_BLOCK = re.compile(r"^-- (\w+)( \(part\))? --$", re.MULTILINE)
_PART = re.compile(r"@(\w+)@")
#: What a block is for, at its beginning.
_PURPOSE = re.compile(r"\A(?:--.*\n)*")
_PARAMETER = re.compile(r"%\((\w+)\)s")

Row = dict[str, Any]


class Queries:
    """The named blocks of `.sql` files."""

    def __init__(self, *paths: Path) -> None:
        texts = "".join(path.read_text() + "\n" for path in paths)
        _, *blocks = _BLOCK.split(texts)
        named = list(zip(blocks[::3], blocks[1::3], blocks[2::3], strict=True))
        self._parts = {name: _PURPOSE.sub("", sql.strip()) for name, part, sql in named if part}
        self._blocks = {name: sql.strip() for name, part, sql in named if not part}
        self._sql: dict[str, str] = {}
        self._numbered: dict[str, tuple[bytes, list[str]]] = {}
        self._trips: dict[str, Any] = {}
        for name, sql in self._blocks.items():
            self._put(name, sql, counted_as=name)

    def __getitem__(self, name: str) -> str:
        return self._sql[name]

    def variant(self, name: str, word: str, parts: Mapping[str, str]) -> str:
        """The name of a block that is made whole by these parts, before those of the files; made
        when first asked for.

        Args:
            word: tells it from other variants of the block.
        """
        variant = f"{name} of {word}"
        if variant not in self._numbered:
            self._put(variant, self._blocks[name], counted_as=name, parts=parts)
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
        """The rows of a block, each a dict by column name: `run`, for what only threads run."""
        return run(
            Statement(queries=self, name=name, params=params, read=list, patience_s=patience_s)
        )

    def sent(self, name: str, params: Mapping[str, object]) -> tuple[str | bytes, Any]:
        """A block's SQL and its values as a cursor takes them; counts a round trip."""
        self._trips[name].inc()
        if settings.DATABASE_POOLED:
            return self._sql[name], params
        sql, names = self._numbered[name]
        return sql, [params[name] for name in names]


def _numbered(sql: str) -> tuple[bytes, list[str]]:
    """The statement with PostgreSQL's own $1, $2 …, and the parameters' names in that order.

    Psycopg translates named parameters, and encodes and hashes a text, anew for every execution.
    """
    names = list(dict.fromkeys(_PARAMETER.findall(sql)))
    return _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", sql).encode(), names


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement(Generic[T]):
    """A block with its values, to be run in a thread or in a loop.

    Attributes:
        name: of the block, or of a variant of it.
        read: makes what `run` returns of the rows, each a dict by column name.
        patience_s: how long to go on trying while the server is away, or takes no writes.
        locked_s: how long to go on trying where its `lock_timeout` has it let go of all it holds
            for somebody who has a row; by default that is the caller's to know.
    """

    queries: Queries
    name: str
    params: Mapping[str, object]
    read: Callable[[list[Row]], T]
    patience_s: float = 0.0
    locked_s: float = 0.0

    def tries(self) -> Tries:
        """Those at running it."""
        return Tries(self.name, patience_s=self.patience_s, locked_s=self.locked_s)


def run(statement: Statement[T]) -> T:
    """Run a statement as one transaction on this process's engine pool.

    Raises:
        psycopg.Error: as the server said, after a few tries where another may help.
    """
    tries = statement.tries()
    while True:
        sql, values = statement.queries.sent(statement.name, statement.params)
        try:
            with engine_pool().connection() as connection:
                rows = connection.execute(sql, values, prepare=True).fetchall()
            return statement.read(rows)
        except psycopg.Error as error:
            remedy = tries.after(error)
        if remedy is Remedy.CHECK:
            engine_pool().check()
        elif remedy is Remedy.RENEW:
            renew(engine_pool())
        time.sleep(remedy.pause_s)


class AsyncDatabase:
    """PostgreSQL for one event loop: named statements on a pool of its own.

    Whoever cancels a task that waits for a statement does not know whether it was done.
    """

    def __init__(self) -> None:
        self._pool = loop_pool()

    async def open(self) -> None:
        """Begin to connect, in the loop that runs the statements. A server that is away is waited
        for by the first of them."""
        await self._pool.open()

    async def run(self, statement: Statement[T]) -> T:
        """As `run`, without a thread."""
        tries = statement.tries()
        while True:
            sql, values = statement.queries.sent(statement.name, statement.params)
            try:
                async with self._pool.connection() as connection:
                    cursor = await connection.execute(sql, values, prepare=True)
                    rows = await cursor.fetchall()
                return statement.read(rows)
            except psycopg.Error as error:
                remedy = tries.after(error)
            if remedy is Remedy.CHECK:
                await self._pool.check()
            elif remedy is Remedy.RENEW:
                await renew_async(self._pool)
            await asyncio.sleep(remedy.pause_s)

    @asynccontextmanager
    async def turn(self, name: int, of: int, *, vanished_s: float) -> AsyncIterator["Turn | None"]:
        """An advisory lock that one transaction holds, which does nothing else; None where another
        process has it. Behind a transaction pooler, too.

        Args:
            name, of: of the lock; two numbers, of 32 bits each.
            vanished_s: PostgreSQL gives it to others where `Turn.keep` was not heard for so long.

        Raises:
            psycopg.Error: PostgreSQL is away.
        """
        async with self._pool.connection() as connection, connection.transaction():
            cursor = await connection.execute(
                f"SELECT pg_try_advisory_xact_lock({name:d}, {of:d}) AS mine, set_config("
                f"'idle_in_transaction_session_timeout', '{vanished_s * 1000:.0f}', true)"
            )
            (row,) = await cursor.fetchall()
            yield Turn(connection) if row["mine"] else None

    async def close(self) -> None:
        """Give the connections back to the server."""
        await self._pool.close()


class Turn:
    """An advisory lock that is held; see `AsyncDatabase.turn`."""

    def __init__(self, connection: "psycopg.AsyncConnection[Row]") -> None:
        self._connection = connection

    async def keep(self) -> None:
        """Have it some time longer.

        Raises:
            psycopg.Error: it is not ours any more.
        """
        await self._connection.execute("SELECT 1")
