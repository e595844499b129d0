"""Events, their places in a run's stream, and the bytes a client gets. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Self

_MOST = 2**64 - 1
_POSITION = re.compile(r"(\d{1,20})-(\d{1,20})", re.ASCII)
#: In JSON, where a quote within a text has a backslash before it, this is a key and its value.
_CONTROLS = re.compile(rb'"controls":\[[^\]]*\]')


class Name(StrEnum):
    """What an event is about; its data is that object as the API shows it."""

    RUN = "run"
    EPIC = "epic"
    ITEM = "item"
    LOG = "log"
    HEARTBEAT = "heartbeat"
    RESET = "reset"
    END = "end"


class Position(NamedTuple):
    """A place in a run's stream, as Redis counts: milliseconds and a number. Later is greater."""

    ms: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """From an event's id; None where it is none of ours.

        What is more than Redis counts to never was, and stands for the last that may be.
        """
        found = _POSITION.fullmatch(text)
        return cls(*(min(int(part), _MOST) for part in found.groups())) if found else None

    def __str__(self) -> str:
        return f"{self.ms}-{self.number}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A name, and its data as one line of JSON."""

    name: str
    data: bytes
    #: Of several objects of one kind, which: an epic's id. A later event replaces it.
    key: str = ""


def frame(event: Event, at: Position | None = None) -> bytes:
    """The event on the wire. Without a place a client that comes back does not go on from it."""
    place = f"id: {at}\n" if at else ""
    return f"{place}event: {event.name}\ndata: ".encode() + event.data + b"\n\n"


def frames(events: Sequence[tuple[Position, Event]]) -> bytes:
    """Several, in their order."""
    return b"".join(frame(event, at) for at, event in events)


def without_controls(content: bytes) -> bytes:
    """Frames for who may only read: no run in them offers an action."""
    return _CONTROLS.sub(b'"controls":[]', content)


def reset_frame(at: Position) -> bytes:
    """Tells a client to read the run again; what comes after `at` follows."""
    return frame(RESET, at)


def retry_frame(wait_ms: int) -> bytes:
    """Tells a browser how long to wait before it comes back."""
    return f"retry: {wait_ms}\n\n".encode()


RESET = Event(name=Name.RESET, data=b"{}")
