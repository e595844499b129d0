"""How urgent it is to write epics' stories: of a run, and of its epics among themselves. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from content.kind import Reason

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


@dataclass(frozen=True, kw_only=True, slots=True)
class EpicFacts:
    """What an epic's score is made of."""

    cards: int
    impact: str
    has_stories: bool
    outdated: bool


def epics_reasons(epics: Sequence[EpicFacts]) -> tuple[Reason, ...]:
    """What speaks for a run over these epics: size, impact, state of the stories."""
    cards = sum(epic.cards for epic in epics)
    impact = max(epics, key=lambda epic: _impact_points(epic.impact))
    reasons = (
        Reason(factor="size", points=_above(cards, _RUN_SIZES), message=f"{cards} cards."),
        Reason(
            factor="impact",
            points=_impact_points(impact.impact),
            message=f"The highest impact of its epics is {impact.impact or 'not stated'}.",
        ),
        _stories_reason(epics),
    )
    return tuple(reason for reason in reasons if reason.points)


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


def _stories_reason(epics: Sequence[EpicFacts]) -> Reason:
    missing = sum(not epic.has_stories for epic in epics)
    outdated = sum(epic.has_stories and epic.outdated for epic in epics)
    if missing:
        message = f"{missing} of {len(epics)} epics have no stories yet."
        return Reason(factor="stories", points=_MISSING, message=message)
    message = f"The stories of {outdated} of {len(epics)} epics are outdated."
    return Reason(factor="stories", points=_OUTDATED if outdated else 0, message=message)
