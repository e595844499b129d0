"""How urgent it is to write pages: of a run, and of its pages among themselves. Pure.

The numbers are a content team's own; a page may reach 110 points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from content.kind import Reason
from content.priority import deadline_reasons

#: (more than, points); what is unknown counts as none.
_SKU_COUNTS = ((1_000, 30), (100, 20), (-1, 10))
_MONTHLY_SEARCHES = ((10_000, 30), (1_000, 20), (-1, 10))
_CONTENT = {"missing": 20, "outdated": 10, "current": 0}

HIGHEST = 10
#: Of a page that nobody gave another one, as of any item.
_USUAL = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class PageFacts:
    """What a page's score is made of.

    Attributes:
        read_at: when this was so; a deadline is counted from there.
        priority: 0 to HIGHEST, where a person gave one.
    """

    code: str
    sku_count: int | None
    monthly_searches: int | None
    content_status: str
    deadline: datetime | None
    read_at: datetime
    priority: int | None = None


def page_reasons(page: PageFacts) -> tuple[Reason, ...]:
    """What speaks for a page: its products, its traffic, its content, its deadline."""
    skus, searches = page.sku_count or 0, page.monthly_searches or 0
    reasons = (
        Reason(
            factor="skuCount",
            points=_above(skus, _SKU_COUNTS),
            message=f"{page.code} has {skus:,} products.",
        ),
        Reason(
            factor="monthlySearches",
            points=_above(searches, _MONTHLY_SEARCHES),
            message=f"{page.code} is searched for {searches:,} times a month.",
        ),
        Reason(
            factor="contentStatus",
            points=_CONTENT[page.content_status],
            message=f"The content of {page.code} is {page.content_status}.",
        ),
        *deadline_reasons(page.deadline, page.read_at),
    )
    return tuple(reason for reason in reasons if reason.points)


def pages_reasons(pages: Sequence[PageFacts]) -> tuple[Reason, ...]:
    """What speaks for a run over these pages: as much as for the most urgent of them."""
    return page_reasons(max(pages, key=page_score))


def page_score(page: PageFacts) -> int:
    """How much speaks for a page."""
    return sum(reason.points for reason in page_reasons(page))


def page_priority(page: PageFacts) -> int:
    """0 to HIGHEST: what a person gave it, or what any item has."""
    return _USUAL if page.priority is None else page.priority


def page_place(page: PageFacts) -> tuple[int, int]:
    """What pages are sorted by: priority, then score; those with the same stay in their order."""
    return (-page_priority(page), -page_score(page))


def _above(count: int, steps: tuple[tuple[int, int], ...]) -> int:
    return next(points for least, points in steps if count > least)
