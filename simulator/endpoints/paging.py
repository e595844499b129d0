"""Pages of a list of things with ids, and numbers in queries."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from simulator.protocol.errors import ApiError

PAGE_DEFAULT = 20
PAGE_MAX = 1000


def page_of(ids: Sequence[str], query: str, shown: Callable[[str], Any]) -> dict[str, Any]:
    """One page; `limit`, `after_id` and `before_id` page through the ids in their order."""
    asked = parse_qs(query)
    limit = number_in(asked, "limit", PAGE_DEFAULT, least=1, most=PAGE_MAX)
    if "before_id" in asked:
        earlier = ids[: _place(ids, asked["before_id"][0])]
        page, has_more = earlier[-limit:], len(earlier) > limit
    else:
        start = _place(ids, asked["after_id"][0]) + 1 if "after_id" in asked else 0
        page, has_more = ids[start : start + limit], start + limit < len(ids)
    return {
        "data": [shown(id_) for id_ in page],
        "has_more": has_more,
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def number_in(
    asked: Mapping[str, list[str]], name: str, default: int, *, least: int = 0, most: int
) -> int:
    """A whole number of a query.

    Raises:
        ApiError: 400 for what is none, or out of range.
    """
    text = asked.get(name, [str(default)])[0]
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ApiError(400, f"{name}: Input should be from {least} to {most}")
    return int(text)


def _place(ids: Sequence[str], id_: str) -> int:
    if id_ not in ids:
        raise ApiError(400, f"{id_} is no known id to page from")
    return ids.index(id_)
