"""A run's Redis stream: event ids, publication, and replay after a reconnect.

It may be lost at any moment. Whoever then asks for an id that is gone is told to read the run
again. Every function raises `redis.RedisError` when Redis is away.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from redis.commands.core import Script

from batchgen.redis import client as redis
from runs.live.events import Event, Name, Position
from runs.live.outage import is_outage

log = logging.getLogger(__name__)

#: Events that a stream keeps, about; a client that missed more reads the run again.
_KEPT = 5000
#: How long a stream is kept after its last event.
_TTL_S = 24 * 3600
#: Most events that are replayed to a client, or read at once.
MOST_EVENTS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An event at its place; the last one of a publication has the cursor."""

    at: Position
    event: Event
    cursor: bytes | None

    @property
    def ends(self) -> bool:
        """Whether the run is over, and nothing follows."""
        return self.event.name == Name.END


def tail(run_id: UUID) -> Entry | None:
    """The stream's last entry, which has a cursor; None where there is no stream.

    One that cannot be read is dropped: then there is none.
    """
    try:
        found: Any = redis.client().xrevrange(_key(run_id), count=1)
        return _entry(found[0]) if found else None
    except Exception as error:
        if is_outage(error):
            raise
        log.warning("run %s: its stream cannot be read, and is dropped: %r", run_id, error)
        forget(run_id)
        return None


def read(positions: Mapping[UUID, Position]) -> dict[UUID, list[Entry]]:
    """What follows each position, where there is anything."""
    if not positions:
        return {}
    keys = {_key(run_id): run_id for run_id in positions}
    asked: Any = {key: str(positions[run_id]) for key, run_id in keys.items()}
    found: Any = redis.client().xread(asked, count=MOST_EVENTS)
    # A list of pairs, or a dict of lists of lists, by the protocol that the client speaks.
    pairs = ((key, rows[0]) for key, rows in found.items()) if isinstance(found, dict) else found
    return {keys[key.decode()]: [_entry(row) for row in rows] for key, rows in pairs}


def between(run_id: UUID, after: Position, upto: Position) -> list[Entry] | None:
    """What came after one place up to another; None where some of it is gone, cannot be read, or
    is too much."""
    key = _key(run_id)
    pipeline = redis.client().pipeline(transaction=True)
    pipeline.xrange(key, count=1)
    pipeline.xrange(key, min=f"({after}", max=str(upto), count=MOST_EVENTS + 1)
    first, found = pipeline.execute()
    if not first or _position(first[0][0]) > after or len(found) > MOST_EVENTS:
        return None
    try:
        return [_entry(row) for row in found]
    except (LookupError, ValueError):
        return None


def publish(
    run_id: UUID, *, after: Position | None, events: Sequence[Event], cursor: bytes
) -> list[Position] | None:
    """Append events; their places, or None when the stream does not end at `after` any more."""
    parts = [part for event in events for part in (event.name, event.data, event.key)]
    expected = str(after) if after else ""
    found: Any = _publish()(keys=[_key(run_id)], args=[expected, _KEPT, _TTL_S, cursor, *parts])
    return [_position(each) for each in found] if found else None


def forget(run_id: UUID) -> None:
    """Drop the stream of a run that is gone."""
    redis.client().delete(_key(run_id))


@cache
def _publish() -> Script:
    return redis.client().register_script(Path(__file__).with_name("publish.lua").read_text())


def _key(run_id: UUID) -> str:
    return redis.key(f"live:{run_id}")


def _entry(row: Any) -> Entry:
    at, fields = row
    event = Event(name=fields[b"e"].decode(), data=fields[b"d"], key=fields[b"k"].decode())
    return Entry(at=_position(at), event=event, cursor=fields.get(b"c"))


def _position(raw: bytes) -> Position:
    ms, _, number = raw.partition(b"-")
    return Position(int(ms), int(number))
