"""What may be known of a page."""

from typing import Any

import pytest

from content.pages.facts import facts_checked, keywords_once
from epics import bounds


def nested(levels: int) -> Any:
    return 1 if not levels else {"a": nested(levels - 1)}


GOOD: list[dict[str, Any]] = [
    {},
    {"weight": 1.5, "sizes": ["S", "M", 3, None, True], "Größe": "über\nallem", "💡": False},
    nested(3),
    {"a": [[1]]},
    {"note": "x" * bounds.FACT_CHARS},
    {"n": 1e15},
    {str(n): n for n in range(bounds.LIST_ENTRIES)},
]
BAD: list[tuple[dict[str, Any], str]] = [
    (nested(4), "deeper than 3"),
    ({"a": [[[1]]]}, "deeper than 3"),
    ({"note": "x" * (bounds.FACT_CHARS + 1)}, "2,001 characters"),
    ({"x" * (bounds.NAME_CHARS + 1): 1}, "201 characters"),
    ({"": 1}, "no name"),
    ({"\u200b": 1}, "no name"),
    ({"a\nb": 1}, r"U\+000A"),
    ({"a": "\x07"}, r"U\+0007"),
    ({"n": 10**16}, "too large"),
    ({"n": -(10**300)}, "too large"),
    ({str(n): n for n in range(bounds.LIST_ENTRIES + 1)}, "201 entries"),
    ({"a": [0] * (bounds.LIST_ENTRIES + 1)}, "201 entries"),
    ({str(n): "x" * bounds.FACT_CHARS for n in range(10)}, "as JSON"),
]


@pytest.mark.parametrize("facts", GOOD, ids=repr)
def test_facts_stay_as_they_came(facts: dict[str, Any]) -> None:
    assert facts_checked(facts) == facts


@pytest.mark.parametrize(("facts", "said"), BAD, ids=[said for _, said in BAD])
def test_what_cannot_be_kept_is_refused(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        facts_checked(facts)


def test_of_keywords_that_differ_in_case_the_first_stays() -> None:
    assert keywords_once(["Rope", "STRASSE", "Tau", "straße", "rope"]) == ["Rope", "STRASSE", "Tau"]
