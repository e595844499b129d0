"""`/v1/models`, one model, and `count_tokens`."""

from typing import Any
from urllib.parse import unquote

from simulator.endpoints.access import check_access, version_of
from simulator.endpoints.create_message import decode_body
from simulator.endpoints.paging import page_of
from simulator.http.connection import Exchange
from simulator.protocol.errors import ApiError
from simulator.protocol.message_request import read_request
from simulator.protocol.model_catalogue import MODELS
from simulator.state.provider import Provider


def count_tokens(provider: Provider, exchange: Exchange) -> dict[str, Any]:
    """`{"input_tokens": n}` for a prompt; limited by a bucket of its own."""
    check_access(exchange.request)
    body = decode_body(exchange.request)
    request = read_request(
        body,
        version=version_of(exchange.request),
        needs_max_tokens=False,
        tells_format=bool(provider.settings.format_is_input),
    )
    limits = provider.count_limits_of(request.model)
    refusal = limits.admit(input_tokens=0, output_tokens=0, now_s=provider.clock.monotonic_s())
    if refusal:
        raise refusal.error("token counting requests")
    return {"input_tokens": request.input_tokens}


def list_models(exchange: Exchange) -> dict[str, Any]:
    """One page of models; `limit`, `after_id` and `before_id` page through them."""
    check_access(exchange.request)
    return page_of(list(MODELS), exchange.request.query, lambda id_: MODELS[id_].info())


def show_model(exchange: Exchange) -> dict[str, Any]:
    """One model, by the id at the end of the path."""
    check_access(exchange.request)
    model_id = unquote(exchange.request.path.removeprefix("/v1/models/"))
    if model_id not in MODELS:
        raise ApiError(404, f"model: {model_id}")
    return MODELS[model_id].info()
