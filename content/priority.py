"""What urgency is counted by, for runs and for targets that have a deadline of their own. Pure."""

from datetime import datetime, timedelta

from content.kind import Reason

#: Scores from which on something is HIGH, or NORMAL.
HIGH_SCORE = 70
NORMAL_SCORE = 40
#: (less time left than, points)
_DEADLINES = ((timedelta(hours=24), 30), (timedelta(hours=72), 20))


def deadline_reasons(deadline: datetime | None, now: datetime) -> tuple[Reason, ...]:
    """What a deadline adds: nothing while it is far."""
    if deadline is None:
        return ()
    left = deadline - now
    points = next((points for most, points in _DEADLINES if left < most), 0)
    hours = max(0, round(left.total_seconds() / 3600))
    message = f"{hours} h until the deadline."
    return (Reason(factor="deadline", points=points, message=message),) if points else ()
