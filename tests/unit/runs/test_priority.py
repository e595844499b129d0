"""What speaks for a run, and for an epic among others."""

from datetime import UTC, datetime, timedelta

import pytest

from content.priority import deadline_reasons
from content.stories.priority import EpicFacts, epic_score, epics_reasons
from runs.priority import priority_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def facts(
    *, cards: int = 5, impact: str = "", has_stories: bool = True, outdated: bool = False
) -> EpicFacts:
    return EpicFacts(cards=cards, impact=impact, has_stories=has_stories, outdated=outdated)


@pytest.mark.parametrize(
    ("epics", "deadline_h", "priority", "score"),
    [
        ([facts()], None, "LOW", 20),
        ([facts(has_stories=False)], None, "NORMAL", 40),
        ([facts(outdated=True, impact="Medium")], None, "NORMAL", 40),
        ([facts(impact="HIGH", has_stories=False), facts()], None, "NORMAL", 60),
        ([facts(impact="high", cards=60, has_stories=False)], None, "HIGH", 70),
        ([facts()], 5, "NORMAL", 50),
        ([facts(has_stories=False, impact="high")], 50, "HIGH", 80),
        ([facts(has_stories=False, impact="high")], 80, "NORMAL", 60),
        ([facts(has_stories=False)], -1, "HIGH", 70),
    ],
)
def test_a_runs_priority_is_the_sum_of_its_reasons(
    epics: list[EpicFacts], deadline_h: int | None, priority: str, score: int
) -> None:
    deadline = None if deadline_h is None else NOW + timedelta(hours=deadline_h)
    reasons = epics_reasons(epics) + deadline_reasons(deadline, NOW)
    assert sum(reason.points for reason in reasons) == score
    assert priority_of(reasons) == priority
    assert all(reason.message for reason in reasons)


def test_an_epic_with_more_to_gain_comes_first() -> None:
    order = [
        facts(cards=12, impact="high", has_stories=False),
        facts(cards=12, impact="high", outdated=True),
        facts(cards=12, impact="high"),
        facts(cards=1, impact="low", has_stories=False),
        facts(cards=1),
    ]
    scores = [epic_score(each) for each in order]
    assert scores == sorted(scores, reverse=True)
