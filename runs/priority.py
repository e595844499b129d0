"""Computed priority: how urgent a run is, and which of its epics goes first. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from runs.states import Priority

#: Scores from which on a run is HIGH, or NORMAL.
HIGH_SCORE = 70
NORMAL_SCORE = 40
#: (more cards than, points): of a whole run, and of one epic.
_RUN_SIZES = ((200, 30), (50, 20), (-1, 10))
_EPIC_SIZES = ((10, 30), (3, 20), (-1, 10))
_IMPACTS = (
    (("critical", "very high", "high"), 30),
    (("medium", "moderate"), 20),
)
_OTHER_IMPACT = 10
_MISSING = 20
_OUTDATED = 10
#: (less time left than, points)
_DEADLINES = ((timedelta(hours=24), 30), (timedelta(hours=72), 20))


@dataclass(frozen=True, kw_only=True, slots=True)
class EpicFacts:
    """What an epic's score is made of."""

    cards: int
    impact: str
    has_stories: bool
    outdated: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """What one factor adds to the score, in words."""

    factor: str
    points: int
    message: str


def run_reasons(
    epics: Iterable[EpicFacts], *, deadline: datetime | None, now: datetime
) -> tuple[Reason, ...]:
    """What speaks for a run over these epics: size, impact, state of the stories, deadline."""
    epics = tuple(epics)
    cards = sum(epic.cards for epic in epics)
    impact = max(epics, key=lambda epic: _impact_points(epic.impact))
    reasons = [
        Reason(factor="size", points=_above(cards, _RUN_SIZES), message=f"{cards} cards."),
        Reason(
            factor="impact",
            points=_impact_points(impact.impact),
            message=f"The highest impact of its epics is {impact.impact or 'not stated'}.",
        ),
        _stories_reason(epics),
        _deadline_reason(deadline, now),
    ]
    return tuple(reason for reason in reasons if reason.points)


def priority_of(reasons: Iterable[Reason]) -> Priority:
    """The priority that the reasons add up to."""
    score = sum(reason.points for reason in reasons)
    if score >= HIGH_SCORE:
        return Priority.HIGH
    return Priority.NORMAL if score >= NORMAL_SCORE else Priority.LOW


def epic_score(epic: EpicFacts) -> int:
    """How early an epic comes among those of a run to which nobody gave a place."""
    return (
        _above(epic.cards, _EPIC_SIZES)
        + _impact_points(epic.impact)
        + (_MISSING if not epic.has_stories else _OUTDATED if epic.outdated else 0)
    )


def _above(count: int, steps: tuple[tuple[int, int], ...]) -> int:
    return next(points for least, points in steps if count > least)


def _impact_points(impact: str) -> int:
    word = impact.strip().lower()
    return next((points for words, points in _IMPACTS if word in words), _OTHER_IMPACT)


def _stories_reason(epics: tuple[EpicFacts, ...]) -> Reason:
    missing = sum(not epic.has_stories for epic in epics)
    outdated = sum(epic.has_stories and epic.outdated for epic in epics)
    if missing:
        message = f"{missing} of {len(epics)} epics have no stories yet."
        return Reason(factor="stories", points=_MISSING, message=message)
    message = f"The stories of {outdated} of {len(epics)} epics are outdated."
    return Reason(factor="stories", points=_OUTDATED if outdated else 0, message=message)


def _deadline_reason(deadline: datetime | None, now: datetime) -> Reason:
    left = None if deadline is None else deadline - now
    points = 0 if left is None else next((p for most, p in _DEADLINES if left < most), 0)
    hours = 0 if left is None else max(0, round(left.total_seconds() / 3600))
    return Reason(factor="deadline", points=points, message=f"{hours} h until the deadline.")
