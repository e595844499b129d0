"""How much of a run goes realtime, so that it ends by its deadline. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: Of a call, where none of the run's has ended yet.
_TYPICAL_CALL_S = 20.0
#: The last of many calls ends so many times later than one takes.
_TAIL = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """What is left of a run.

    Attributes:
        left_s: until its deadline.
        waiting, out: items that wait for a slice, and that are out in one.
        realtime: all others.
        lanes, delay_ms, call_s: how they go; None where no call has ended yet.
        per_minute: calls that the key allows it; 0: any number.
    """

    left_s: float
    waiting: int
    out: int
    realtime: int
    lanes: int
    delay_ms: int
    call_s: float | None
    per_minute: float

    @property
    def items(self) -> int:
        """All of it."""
        return self.waiting + self.out + self.realtime

    @property
    def _call_s(self) -> float:
        return self.call_s or _TYPICAL_CALL_S

    @property
    def _each_s(self) -> float:
        """An item's part of the time that lanes take for many."""
        each_s = (self._call_s + self.delay_ms / 1000) / max(1, self.lanes)
        return max(each_s, 60 / self.per_minute) if self.per_minute else each_s

    def in_time(self, *, reserved_s: float) -> int:
        """How many items lanes can do by the deadline, less what is kept in reserve."""
        return max(0, int((self.left_s - reserved_s - _TAIL * self._call_s) / self._each_s))

    def spare_s(self, *, reserved_s: float) -> float:
        """How long all of it may wait before lanes could not do it any more in time."""
        needed_s = _TAIL * self._call_s + self.items * self._each_s
        return self.left_s - reserved_s - needed_s


def calls_per_minute(limits: Iterable[tuple[int, float | None]], *, sharing: int) -> float:
    """How many calls a run may make of those that a key allows; 0: any number.

    Args:
        limits: so much of something is allowed in a minute (0: any amount), and so much a call
            takes; None: nobody knows yet.
        sharing: runs that share the key.
    """
    rates = [allowed / taken for allowed, taken in limits if allowed and taken]
    return min(rates, default=0.0) / max(1, sharing)


@dataclass(frozen=True, kw_only=True, slots=True)
class Spill:
    """What goes realtime now: so many that wait, and these slices."""

    waiting: int
    batch_ids: tuple[Any, ...] = ()


def spill(
    left: Left, slices: Iterable[tuple[Any, int]], *, wait_s: float, margin_s: float
) -> Spill:
    """What cannot wait any longer: as many items as lanes could not do in time if they did.

    Args:
        slices: that are out and not cancelled, with how many items each has; the slowest first.
        wait_s: what a slice that is cancelled may take to end.
        margin_s: that the run is to end before its deadline.
    """
    excess = left.items - left.in_time(reserved_s=margin_s + (wait_s if left.out else 0))
    if excess <= 0 or not left.waiting + left.out:
        return Spill(waiting=0)
    waiting = min(excess, left.waiting)
    excess -= waiting
    chosen: list[Any] = []
    for batch_id, items in slices:
        if excess <= 0:
            break
        chosen.append(batch_id)
        excess -= items
    return Spill(waiting=waiting, batch_ids=tuple(chosen))
