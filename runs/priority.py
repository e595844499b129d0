"""Computed priority: how urgent a run is, where nobody said so. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from content.kind import Reason
from runs.states import Priority

#: Scores from which on a run is HIGH, or NORMAL.
HIGH_SCORE = 70
NORMAL_SCORE = 40
#: (less time left than, points)
_DEADLINES = ((timedelta(hours=24), 30), (timedelta(hours=72), 20))


def priority_of(reasons: Iterable[Reason]) -> Priority:
    """The priority that the reasons add up to."""
    score = sum(reason.points for reason in reasons)
    if score >= HIGH_SCORE:
        return Priority.HIGH
    return Priority.NORMAL if score >= NORMAL_SCORE else Priority.LOW


def deadline_reasons(deadline: datetime | None, now: datetime) -> tuple[Reason, ...]:
    """What a deadline adds: nothing while it is far."""
    if deadline is None:
        return ()
    left = deadline - now
    points = next((points for most, points in _DEADLINES if left < most), 0)
    hours = max(0, round(left.total_seconds() / 3600))
    message = f"{hours} h until the deadline."
    return (Reason(factor="deadline", points=points, message=message),) if points else ()
