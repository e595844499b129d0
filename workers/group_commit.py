"""Group commit: what several lanes have to write at the same moment is one transaction.

There is no window: who comes alone is written at once, and while that is under way the next group
collects. A group that fails is written one by one, so that one bad item fails alone.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import psycopg

from batchgen.db.sql import AsyncDatabase, Statement
from workers.worker_metrics import GROUP_SIZE

log = logging.getLogger(__name__)

One = TypeVar("One")
Out = TypeVar("Out")

#: So many are written together at most.
_MOST = 32
#: A commit that takes longer, because somebody holds a row, holds up no other.
_SLOW_S = 0.05
#: So many are under way at most, slow ones included.
_AT_ONCE = 4
#: Of a group that failed so many are written at a time: each may wait for somebody, and has a
#: connection meanwhile.
_SINGLES = 3
#: How long a few wait for more that are about to come.
_WAIT_S = 0.01


class GroupCommit(Generic[One, Out]):
    """Writes of one kind, of one loop."""

    def __init__(
        self,
        database: AsyncDatabase,
        name: str,
        *,
        single: Callable[[One], Statement[Out]],
        group: Callable[[Sequence[One]], Statement[list[Out]]],
        enough: int = 1,
        coming: Callable[[], int] = lambda: 0,
    ) -> None:
        """`single` and `group` write the same; `group` answers in its members' order.

        Args:
            enough: a group of this size does not wait for more.
            coming: how many more are about to be submitted; a smaller group waits a moment for
                them.
        """
        self._database = database
        self._single, self._group = single, group
        self._enough, self._coming = enough, coming
        self._size = GROUP_SIZE.labels(name)
        self._waiting: list[tuple[One, asyncio.Future[Out]]] = []
        self._under_way = 0
        #: Those that a new group does not wait for.
        self._slow = 0
        self._kicked = False
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, one: One) -> Out:
        """Write it, with others or alone; back after the commit.

        Raises:
            psycopg.Error: PostgreSQL's answer to this one.
        """
        loop = asyncio.get_running_loop()
        written: asyncio.Future[Out] = loop.create_future()
        self._waiting.append((one, written))
        self._kick(loop)
        return await written

    def _kick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have what waits written after this round of the loop, unless a group is under way."""
        if self._kicked or not self._waiting or not self._may_begin():
            return
        if len(self._waiting) < self._enough and self._coming():
            if self._timer is None:
                self._timer = loop.call_later(_WAIT_S, self._begin, loop)
            return
        self._kicked = True
        loop.call_soon(self._begin, loop)

    def _may_begin(self) -> bool:
        return self._under_way == self._slow and self._under_way < _AT_ONCE

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._kicked = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting or not self._may_begin():
            return
        group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        self._size.observe(len(group))
        self._under_way += 1
        task = loop.create_task(self._commit(loop, group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _commit(
        self, loop: asyncio.AbstractEventLoop, group: list[tuple[One, asyncio.Future[Out]]]
    ) -> None:
        commit = _Commit()
        timer = loop.call_later(_SLOW_S, self._let_others_go_on, loop, commit)
        try:
            await self._write(group)
        finally:
            timer.cancel()
            self._under_way -= 1
            self._slow -= commit.slow
            self._kick(loop)

    def _let_others_go_on(self, loop: asyncio.AbstractEventLoop, commit: "_Commit") -> None:
        commit.slow = 1
        self._slow += 1
        self._kick(loop)

    async def _write(self, group: list[tuple[One, asyncio.Future[Out]]]) -> None:
        if len(group) > 1:
            try:
                answers = await self._database.run(self._group([one for one, _ in group]))
            except (psycopg.Error, ValueError) as error:  # of one a text is no UTF-8
                log.info("a group of %s: %s; one by one", len(group), type(error).__name__)
                await self._write_each(group)
                return
            except Exception as error:  # whoever waits for it must hear of it
                for _, written in group:
                    _fail(written, error)
                return
            for (_, written), answer in zip(group, answers, strict=True):
                _end(written, answer)
        else:
            await self._write_one(*group[0])

    async def _write_each(self, group: list[tuple[One, asyncio.Future[Out]]]) -> None:
        places = asyncio.Semaphore(_SINGLES)

        async def write(one: One, written: asyncio.Future[Out]) -> None:
            async with places:
                await self._write_one(one, written)

        await asyncio.gather(*[write(*member) for member in group])

    async def _write_one(self, one: One, written: "asyncio.Future[Out]") -> None:
        try:
            answer = await self._database.run(self._single(one))
        except Exception as error:  # as above
            _fail(written, error)
        else:
            _end(written, answer)


class _Commit:
    """One that is under way; `slow` is 1 once others go on beside it."""

    slow = 0


def _end(written: "asyncio.Future[Out]", answer: Out) -> None:
    if not written.done():
        written.set_result(answer)


def _fail(written: "asyncio.Future[Out]", error: Exception) -> None:
    if not written.done():
        written.set_exception(error)
