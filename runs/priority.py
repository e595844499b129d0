"""Computed priority: how urgent a run is, where nobody said so. Pure."""

from collections.abc import Iterable

from content.kind import Reason
from content.priority import HIGH_SCORE, NORMAL_SCORE
from runs.states import Priority


def priority_of(reasons: Iterable[Reason]) -> Priority:
    """The priority that the reasons add up to."""
    score = sum(reason.points for reason in reasons)
    if score >= HIGH_SCORE:
        return Priority.HIGH
    return Priority.NORMAL if score >= NORMAL_SCORE else Priority.LOW
