"""The linter against stories labelled twice; docs/quality.md has the figures.

The held-out half is no test: who looks at it after every change tunes on it.
"""

import pytest

from tests.unit.quality.measuring import Count, clean_with_high, counts, interval, kappa, sets

#: Kind -> least precision, least recall on the half that the rules were written beside.
LEAST = {
    "high": (0.97, 0.95),
    "two_wants": (0.95, 0.95),
    "repeated": (0.95, 0.95),
    "no_role_or_want": (0.9, 0.9),
    "no_benefit": (0.9, 0.9),
    "fragment": (0.85, 0.85),
    "vague": (0.85, 0.85),
    "extra_text": (0.85, 0.85),
    "template": (0.85, 0.85),
    "placeholder": (0.85, 0.85),
    "opposed": (0.8, 0.8),
    "coarse": (0.8, 0.8),
    "solution": (0.8, 0.8),
    "no_feature": (0.7, 0.7),
    "no_rationale": (0.7, 0.7),
    "reference": (0.7, 0.7),
}


def test_the_sample_is_halved_by_sets() -> None:
    halves = [sets("development"), sets("held_out")]
    assert [sum(len(one["stories"]) for one in half) for half in halves] == [265, 264]


@pytest.mark.parametrize("kind", sorted(LEAST))
def test_each_kind_keeps_its_precision_and_recall(kind: str) -> None:
    found = counts("development")[kind]
    precision, recall = LEAST[kind]
    assert found.precision is not None
    assert found.recall is not None
    assert found.precision >= precision
    assert found.recall >= recall


def test_clean_stories_get_no_finding_that_costs_money() -> None:
    wrong, clean = clean_with_high("development")
    assert clean > 100
    assert wrong <= 0.03 * clean


def test_the_readers_agree() -> None:
    stories = [story["id"] for one in sets("development") for story in one["stories"]]
    agreed = kappa("two_wants", stories)
    assert agreed is not None
    assert agreed > 0.8
    assert kappa("too_few", stories) is None


def test_shares_and_their_intervals() -> None:
    assert Count(both=0, extra=0, missed=0).precision is None
    assert Count(both=3, extra=1, missed=2).recall == 0.6
    assert [round(bound, 2) for bound in interval(9, 10)] == [0.6, 0.98]
