"""One client's queue, between the follower's thread and the event loop."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from runs.live.events import Position, reset_frame

#: Bytes that wait for a slow client; beyond them it gets a `reset` instead.
MOST_WAITING_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Events that go together, as bytes that all clients of a run share."""

    content: bytes
    upto: Position
    #: The run is over: the stream ends after them.
    last: bool = False


class Subscriber:
    """What waits for one client. All but the attributes belongs to the event loop."""

    def __init__(self, *, run_id: UUID, after: Position | None) -> None:
        """`after`: where the client was; None where it knows nothing."""
        self.run_id = run_id
        self.after = after
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._upto: Position | None = None
        self._news = asyncio.Event()
        self._closed = False

    def put(self, batch: Batch) -> None:
        """Queue a batch; what is too much for the client's pace becomes a `reset`."""
        if self._closed:
            return
        if self._waiting and self._bytes + len(batch.content) > MOST_WAITING_BYTES and self._upto:
            dropped = reset_frame(self._upto)
            self._waiting, self._bytes = deque([dropped]), len(dropped)
        self._waiting.append(batch.content)
        self._bytes += len(batch.content)
        self._upto = batch.upto
        self._closed = batch.last
        self._news.set()

    def clear(self) -> None:
        """Drop what waits."""
        self._waiting.clear()
        self._bytes = 0

    def close(self) -> None:
        """End the stream after what waits."""
        self._closed = True
        self._news.set()

    async def next(self, *, until: float) -> bytes | None:
        """What waits, b"" when nothing came until then (the loop's clock), None at the end."""
        try:
            async with asyncio.timeout_at(until):
                await self._news.wait()
        except TimeoutError:
            return b""
        content = b"".join(self._waiting)
        self.clear()
        if content or not self._closed:
            if not self._closed:
                self._news.clear()
            return content
        return None

    def call(self, batch: Batch) -> None:
        """`put` from another thread."""
        self._loop.call_soon_threadsafe(self.put, batch)

    def end(self) -> None:
        """`close` from another thread."""
        self._loop.call_soon_threadsafe(self.close)


def put_all(subscribers: Iterable[Subscriber], batch: Batch) -> None:
    """`put` for each, in the loop."""
    for subscriber in subscribers:
        subscriber.put(batch)
