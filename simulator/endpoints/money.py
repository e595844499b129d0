"""What was used and what it costs: the provider's bill, its lines, and its usage report."""

from typing import Any
from urllib.parse import parse_qs

from simulator.endpoints.paging import number_in
from simulator.http.connection import Exchange
from simulator.protocol.errors import ApiError
from simulator.state.books import FILTERS
from simulator.state.provider import Provider

LINES_DEFAULT = 1000
LINES_MAX = 10_000
INDEX_MAX = 10**12


def show_bill(provider: Provider, _: Exchange) -> dict[str, Any]:
    """Everything billed since the reset, by model and lane."""
    return provider.books.bill()


def show_usage(provider: Provider, exchange: Exchange) -> dict[str, Any]:
    """Up to `limit` billed calls from index `since` on; all, or those of a batch, marker, …"""
    asked = parse_qs(exchange.request.query)
    for name in asked:
        if name not in ("since", "limit", *FILTERS):
            raise ApiError(400, f"{name} is none of since, limit, {', '.join(FILTERS)}.")
    limit = number_in(asked, "limit", LINES_DEFAULT, least=1, most=LINES_MAX)
    lines = provider.books.page(
        since=number_in(asked, "since", 0, most=INDEX_MAX),
        limit=limit + 1,
        filters={name: asked[name][0] for name in FILTERS if name in asked},
    )
    has_more, lines = len(lines) > limit, lines[:limit]
    next_index = lines[-1]["index"] + 1 if lines else None
    return {"data": lines, "has_more": has_more, "next_index": next_index}
