"""A run that somebody in this process watches: where its stream is, and who reads it."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from runs.live.changes import Cursor
from runs.live.events import Event, Name, Position, frames
from runs.live.snapshot import Snapshot
from runs.live.subscriber import Batch, Subscriber, put_all

#: Events of a run that are kept at hand.
_RECENT = 500


@dataclass(kw_only=True, slots=True)
class Followed:
    """A run that somebody in this process watches."""

    run_id: UUID
    #: Where its stream ended when it was last read; None before, and when it was lost.
    at: Position | None = None
    cursor: Cursor | None = None
    #: When PostgreSQL was asked for its changes last, by this process's clock.
    looked_at: float = float("-inf")
    subscribers: set[Subscriber] = field(default_factory=set)
    #: Those who do not know yet where they stand.
    joining: list[Subscriber] = field(default_factory=list)
    #: The latest events, without a gap up to `at`: most who come back were away for a moment.
    recent: deque[tuple[Position, Event]] = field(default_factory=lambda: deque(maxlen=_RECENT))
    #: The run at `at`, once somebody asked for all of it.
    snapshot: Snapshot | None = None

    @property
    def ended(self) -> bool:
        return self.cursor is not None and self.cursor.ended

    @property
    def wants_whole(self) -> bool:
        """Somebody is to be told of all of it, which is not at hand."""
        return self.snapshot is None and any(each.after is None for each in self.joining)

    def note(self, events: Sequence[tuple[Position, Event]]) -> bytes:
        """Take what follows `at`; it as bytes."""
        self.at = events[-1][0]
        self.recent.extend(events)
        if any(event.name == Name.RESET for _, event in events):
            # Another process began the stream anew: what happened before is not in it.
            self.snapshot = None
        if self.snapshot is not None:
            self.snapshot.apply(event for _, event in events)
        return frames(events)

    def deliver(self, loop: asyncio.AbstractEventLoop, content: bytes) -> None:
        """To all who follow, in the loop; the last batch ends their streams."""
        if self.at is None:
            return
        batch = Batch(content=content, upto=self.at, last=self.ended)
        loop.call_soon_threadsafe(put_all, tuple(self.subscribers), batch)

    def end(self) -> None:
        """End the streams of all who watch it."""
        for subscriber in (*self.subscribers, *self.joining):
            subscriber.end()
        self.joining.clear()
