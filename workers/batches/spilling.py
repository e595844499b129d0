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
        per_minute: calls that the key allows; 0: any number.
    """

    left_s: float
    waiting: int
    out: int
    realtime: int
    lanes: int
    delay_ms: int
    call_s: float | None
    per_minute: int

    @property
    def items(self) -> int:
        """All of it."""
        return self.waiting + self.out + self.realtime

    def in_time(self, *, reserved_s: float) -> int:
        """How many items lanes can do by the deadline, less what is kept in reserve."""
        call_s = self.call_s or _TYPICAL_CALL_S
        each_s = (call_s + self.delay_ms / 1000) / max(1, self.lanes)
        if self.per_minute:
            each_s = max(each_s, 60 / self.per_minute)
        return max(0, int((self.left_s - reserved_s - _TAIL * call_s) / each_s))


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
