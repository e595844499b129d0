"""What a run looks like at one place of its stream, kept by the events themselves.

Whoever opens a stream without an id is given this; making it anew from the database for each would
hold up the news for all. Bounded by the run: each item's latest event, the last lines, the run.
"""

from collections import deque
from collections.abc import Iterable

from runs.live.events import Event, Name

#: Lines that a stream opens with.
LINES = 200


class Snapshot:
    """The state after the events so far."""

    def __init__(self, events: Iterable[Event]) -> None:
        """`events`: all of one moment, each item in its order."""
        self._lines: deque[Event] = deque(maxlen=LINES)
        self._items: dict[str, Event] = {}
        self._run: tuple[Event, ...] = ()
        self.apply(events)

    def apply(self, events: Iterable[Event]) -> None:
        """Take what happened next."""
        for event in events:
            match event.name:
                case Name.LOG:
                    self._lines.append(event)
                case Name.EPIC | Name.ITEM:
                    self._items[event.key] = event
                case Name.RUN:
                    self._run = (event,)
                case Name.END:
                    self._run = (*self._run, event)

    def events(self) -> list[Event]:
        """The lines, the items, and last the run, and its end."""
        return [*self._lines, *self._items.values(), *self._run]
