"""The two ways that a statement is run, in threads and in an event loop, as tests use them."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol, TypeVar

from batchgen.db.sql import AsyncDatabase, Statement, run
from tests.loops import Loop, running_loop
from tests.threads import race

T = TypeVar("T")


class Way(Protocol):
    """How statements are run."""

    def one(self, statement: Statement[T]) -> T:
        """What the statement says; raises as it does."""

    def at_once(self, statements: Sequence[Statement[T]]) -> list[T | BaseException]:
        """What statements say that are run at the same time, or how each fails."""


class InThreads:
    """Each in a thread."""

    def one(self, statement: Statement[T]) -> T:
        return run(statement)

    def at_once(self, statements: Sequence[Statement[T]]) -> list[T | BaseException]:
        return race(*[partial(run, each) for each in statements])


class InLoop:
    """Each in a task of one loop."""

    def __init__(self, loop: Loop, database: AsyncDatabase) -> None:
        self.loop = loop
        self.database = database

    def one(self, statement: Statement[T]) -> T:
        return self.loop.run(self.database.run(statement))

    def at_once(self, statements: Sequence[Statement[T]]) -> list[T | BaseException]:
        async def together() -> list[T | BaseException]:
            running = map(self.database.run, statements)
            return await asyncio.gather(*running, return_exceptions=True)

        return self.loop.run(together())


@contextmanager
def in_loop() -> Iterator[InLoop]:
    """A loop with its database."""
    with running_loop() as loop:
        database = AsyncDatabase()
        loop.run(database.open())
        try:
            yield InLoop(loop, database)
        finally:
            loop.run(database.close())
