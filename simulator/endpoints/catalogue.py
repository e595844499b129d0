"""`/v1/models`, one model, and `count_tokens`."""

import time
from typing import Any
from urllib.parse import parse_qs, unquote

from simulator.endpoints.access import check_access, version_of
from simulator.endpoints.create_message import decode_body
from simulator.http.connection import Exchange
from simulator.protocol.errors import ApiError
from simulator.protocol.message_request import read_request
from simulator.protocol.model_catalogue import MODELS
from simulator.state.provider import Provider

PAGE_DEFAULT = 20
PAGE_MAX = 1000


def count_tokens(provider: Provider, exchange: Exchange) -> dict[str, Any]:
    """`{"input_tokens": n}` for a prompt; limited by a bucket of its own."""
    check_access(exchange.request)
    body = decode_body(exchange.request)
    request = read_request(body, version=version_of(exchange.request), needs_max_tokens=False)
    limits = provider.count_limits_of(request.model)
    refusal = limits.admit(input_tokens=0, output_tokens=0, now_s=time.monotonic())
    if refusal:
        raise ApiError(
            429,
            f"This request would exceed your organization's rate limit of "
            f"{refusal.per_minute} token counting requests per minute.",
            headers={"retry-after": str(refusal.retry_after_s)},
        )
    return {"input_tokens": request.input_tokens}


def list_models(exchange: Exchange) -> dict[str, Any]:
    """One page of models; `limit`, `after_id` and `before_id` page through them."""
    check_access(exchange.request)
    query = parse_qs(exchange.request.query)
    ids = list(MODELS)
    limit = _limit(query.get("limit", [str(PAGE_DEFAULT)])[0])
    if "before_id" in query:
        earlier = ids[: _place(ids, query["before_id"][0])]
        page, has_more = earlier[-limit:], len(earlier) > limit
    else:
        start = _place(ids, query["after_id"][0]) + 1 if "after_id" in query else 0
        page, has_more = ids[start : start + limit], start + limit < len(ids)
    return {
        "data": [MODELS[id_].info() for id_ in page],
        "has_more": has_more,
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def show_model(exchange: Exchange) -> dict[str, Any]:
    """One model, by the id at the end of the path."""
    check_access(exchange.request)
    model_id = unquote(exchange.request.path.removeprefix("/v1/models/"))
    if model_id not in MODELS:
        raise ApiError(404, f"model: {model_id}")
    return MODELS[model_id].info()


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= PAGE_MAX:
        raise ApiError(400, f"limit: Input should be from 1 to {PAGE_MAX}")
    return int(text)


def _place(ids: list[str], model_id: str) -> int:
    if model_id not in ids:
        raise ApiError(400, f"{model_id} is no known model id to page from")
    return ids.index(model_id)
