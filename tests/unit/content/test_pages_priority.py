"""What speaks for a page, and which of several comes first."""

from datetime import UTC, datetime, timedelta

import pytest

from content.pages.components import COMPONENTS, DEFAULTS
from content.pages.models import Page
from content.pages.priority import (
    PageFacts,
    page_place,
    page_priority,
    page_reasons,
    page_score,
    pages_reasons,
)

NOW = datetime(2026, 11, 26, 6, tzinfo=UTC)


def facts(
    *,
    skus: int | None = None,
    searches: int | None = None,
    status: str = "current",
    left_h: float | None = None,
    priority: int | None = None,
    code: str = "P1",
) -> PageFacts:
    return PageFacts(
        code=code,
        sku_count=skus,
        monthly_searches=searches,
        content_status=status,
        deadline=None if left_h is None else NOW + timedelta(hours=left_h),
        read_at=NOW,
        priority=priority,
    )


@pytest.mark.parametrize(
    ("page", "score"),
    [
        (facts(), 20),
        (facts(skus=0, searches=0), 20),
        (facts(skus=100), 20),
        (facts(skus=101), 30),
        (facts(skus=1_000, searches=1_000), 30),
        (facts(skus=1_001, searches=1_001), 50),
        (facts(searches=10_000), 30),
        (facts(searches=10_001), 40),
        (facts(status="outdated"), 30),
        (facts(status="missing"), 40),
        (facts(left_h=72), 20),
        (facts(left_h=71.9), 40),
        (facts(left_h=24), 40),
        (facts(left_h=23.9), 50),
        (facts(left_h=-1), 50),
        (facts(status="missing", left_h=1), 70),
        (facts(skus=1_001, searches=10_001, status="missing", left_h=1), 110),
        (facts(skus=1_001, searches=10_001, status="missing", priority=0), 80),
        (facts(priority=10), 20),
    ],
)
def test_a_pages_score_is_the_content_teams_own(page: PageFacts, score: int) -> None:
    assert page_score(page) == score
    assert all(reason.points and reason.message for reason in page_reasons(page))


def test_a_page_without_a_priority_has_that_of_any_item() -> None:
    assert page_priority(facts(status="missing")) == page_priority(facts(priority=5)) == 5
    assert [page_priority(facts(priority=given)) for given in (0, 10)] == [0, 10]


def test_a_persons_priority_comes_before_the_score() -> None:
    order = [
        facts(priority=9),
        facts(skus=1_001, searches=10_001, status="missing", left_h=1),
        facts(skus=1_001, searches=10_001, status="outdated"),
        facts(priority=5, status="missing"),
        facts(priority=5),
        facts(),
        facts(skus=1_001, searches=10_001, status="missing", priority=1),
    ]
    assert sorted([*order[4:], *order[:4]], key=page_place) == order


def test_a_run_is_as_urgent_as_its_most_urgent_page() -> None:
    pages = [facts(code="P1"), facts(code="P2", status="missing"), facts(code="P3")]
    assert pages_reasons(pages) == page_reasons(pages[1])


def test_each_type_of_page_has_components_that_there_are() -> None:
    assert set(DEFAULTS) == set(Page.Type.values)
    for components in DEFAULTS.values():
        assert len(set(components)) == len(components) > 3
        assert set(components) <= set(COMPONENTS)
    assert set().union(*DEFAULTS.values()) == set(COMPONENTS)
