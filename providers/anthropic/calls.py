"""The way of every call of one client: a connection, a deadline, and an error that is ours."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from providers.anthropic.translate import translate
from providers.errors import CallAborted, CallTimedOut, QueueFull

T = TypeVar("T")

#: Seconds a call waits for a free connection of this process.
QUEUE_WAIT_S = 30.0


class Calls:
    """The calls of one loop that wait or are under way."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(0)
        self._closed = False
        #: Of each call, when it ends at the latest.
        self._deadlines: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()

    def open(self, connections: int) -> None:
        """Allow so many at the same time."""
        self._slots = asyncio.Semaphore(connections)

    async def make(self, call: Callable[[], Awaitable[T]], *, within_s: float) -> T:
        """Make a call once a connection is free, with a deadline from then on.

        Raises:
            ProviderError: whatever went wrong.
            CallAborted: all calls were aborted first.
        """
        # Waiting for a connection is never taken for a slow provider.
        sent = False
        try:
            async with asyncio.timeout(QUEUE_WAIT_S) as deadline:
                with self._listed(deadline):
                    async with self._slots:
                        if self._closed:
                            raise CallAborted
                        sent = True
                        deadline.reschedule(asyncio.get_running_loop().time() + within_s)
                        return await _translated(call())
        except TimeoutError as exc:
            if self._closed:
                raise CallAborted from exc
            raise (CallTimedOut(possibly_billed=True) if sent else QueueFull()) from exc

    async def go_on(self, step: Callable[[], Awaitable[T]], *, within_s: float) -> T:
        """A further step of a call whose answer has begun; it raises as `make` does."""
        if self._closed:
            raise CallAborted
        try:
            async with asyncio.timeout(within_s) as deadline:
                with self._listed(deadline):
                    return await _translated(step())
        except TimeoutError as exc:
            raise (CallAborted() if self._closed else CallTimedOut(possibly_billed=True)) from exc

    async def abort(self) -> None:
        """Abort all, and every later one, and wait for their ends."""
        self._closed = True
        for deadline in self._deadlines:
            if not deadline.expired():
                deadline.reschedule(0)
        while self._deadlines:
            self._idle.clear()
            await self._idle.wait()

    @contextmanager
    def _listed(self, deadline: asyncio.Timeout) -> Iterator[None]:
        """What `abort` finds."""
        self._deadlines.add(deadline)
        try:
            yield
        finally:
            self._deadlines.discard(deadline)
            if not self._deadlines:
                self._idle.set()


async def _translated(call: Awaitable[T]) -> T:
    """The top rung: whatever goes wrong below leaves here as a ProviderError."""
    try:
        return await call
    except Exception as exc:
        error = translate(exc)
        if error is exc:
            raise
        raise error from exc
