"""`GET /v1/organizations/usage_report/messages`: tokens by time, model and service tier."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any
from urllib.parse import parse_qs

from simulator.endpoints.access import check_access
from simulator.endpoints.paging import number_in
from simulator.http.connection import Exchange
from simulator.http.wire import WORKSPACE_ID
from simulator.protocol.errors import ApiError
from simulator.state.books import BATCH, TOKENS
from simulator.state.provider import Provider

_WIDTHS = {"1m": (60, 60, 1440), "1h": (3600, 24, 168), "1d": (86_400, 7, 31)}
"""Seconds of a bucket, buckets of a page by default and at most."""
_DIMENSIONS = (
    *("account_id", "api_key_id", "context_window", "inference_geo", "model"),
    *("service_account_id", "service_tier", "workspace_id"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    first_s: int
    end_s: int
    width_s: int
    limit: int
    group_by: frozenset[str]
    models: frozenset[str]
    service_tiers: frozenset[str]

    @property
    def last_s(self) -> int:
        """The end of this page's last bucket."""
        return min(self.end_s, self.first_s + self.limit * self.width_s)


def usage_report(provider: Provider, exchange: Exchange) -> dict[str, Any]:
    """One page of buckets, those without usage among them."""
    check_access(exchange.request)
    asked = _read(parse_qs(exchange.request.query), provider.clock.now_s())
    starts = range(asked.first_s, asked.last_s, asked.width_s)
    results: list[dict[tuple[tuple[str, Any], ...], Counter[str]]] = [{} for _ in starts]
    for row in provider.books.between(asked.first_s, asked.last_s, asked.width_s):
        dimensions = _dimensions(row)
        if _wanted(dimensions, asked):
            group = tuple((name, dimensions[name]) for name in sorted(asked.group_by))
            sums = results[row["bucket"]].setdefault(group, Counter())
            sums.update({name: row[name] for name in TOKENS})
    has_more = asked.last_s < asked.end_s
    return {
        "data": [
            {
                "starting_at": _text(start_s),
                "ending_at": _text(start_s + asked.width_s),
                "results": [_result(dict(group), sums) for group, sums in groups.items()],
            }
            for start_s, groups in zip(starts, results, strict=True)
        ],
        "has_more": has_more,
        "next_page": _token(asked.last_s) if has_more else None,
    }


def _read(query: Mapping[str, list[str]], now_s: float) -> _Asked:
    width = query.get("bucket_width", ["1d"])[0]
    if width not in _WIDTHS:
        raise ApiError(400, f"bucket_width: Input should be one of {', '.join(_WIDTHS)}")
    width_s, usual, most = _WIDTHS[width]
    group_by = frozenset(_listed(query, "group_by"))
    if unknown := group_by - set(_DIMENSIONS):
        raise ApiError(400, f"group_by: unknown {', '.join(sorted(unknown))}")
    if "starting_at" not in query:
        raise ApiError(400, "starting_at: Field required")
    first_s = _moment("starting_at", query["starting_at"][0])
    if "page" in query:
        first_s = _page_start(query["page"][0])
    end_s = _moment("ending_at", query["ending_at"][0]) if "ending_at" in query else now_s
    return _Asked(
        first_s=int(first_s // width_s) * width_s,
        end_s=ceil(end_s / width_s) * width_s,
        width_s=width_s,
        limit=number_in(query, "limit", usual, least=1, most=most),
        group_by=group_by,
        models=frozenset(_listed(query, "models")),
        service_tiers=frozenset(_listed(query, "service_tiers")),
    )


def _dimensions(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "context_window": "200k-1M" if row["long"] else "0-200k",
        "inference_geo": "global",
        "model": row["model"],
        "service_tier": "batch" if row["lane"] == BATCH else "standard",
        "workspace_id": WORKSPACE_ID,
        **dict.fromkeys(("account_id", "api_key_id", "service_account_id")),
    }


def _wanted(dimensions: Mapping[str, Any], asked: _Asked) -> bool:
    wanted = ((asked.models, "model"), (asked.service_tiers, "service_tier"))
    return all(not values or dimensions[name] in values for values, name in wanted)


def _result(group: Mapping[str, Any], sums: Mapping[str, int]) -> dict[str, Any]:
    return {
        **dict.fromkeys(_DIMENSIONS),
        **group,
        "uncached_input_tokens": sums["input_tokens"],
        "cache_creation": {
            "ephemeral_5m_input_tokens": sums["cache_write_5m_tokens"],
            "ephemeral_1h_input_tokens": sums["cache_write_1h_tokens"],
        },
        "cache_read_input_tokens": sums["cache_read_tokens"],
        "output_tokens": sums["output_tokens"],
        "server_tool_use": {"web_search_requests": 0},
    }


def _listed(query: Mapping[str, list[str]], name: str) -> Iterator[str]:
    yield from query.get(f"{name}[]", [])
    yield from query.get(name, [])


def _moment(name: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ApiError(400, f"{name}: Input should be a valid datetime") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _text(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _token(epoch_s: int) -> str:
    return f"page_{urlsafe_b64encode(_text(epoch_s).encode()).decode()}"


def _page_start(token: str) -> float:
    try:
        text = urlsafe_b64decode(token.removeprefix("page_")).decode()
    except ValueError:
        raise ApiError(400, "page: not a page of this report") from None
    return _moment("page", text)
