"""The usage report as it is asked for, and what is believed of it."""

from datetime import date
from typing import Any

import pytest

from providers import errors
from providers.anthropic.account import AnthropicAccount
from providers.errors import ProviderError
from providers.usage_report import DayUsage
from providers.values import Usage
from tests.unit.providers import wire as w
from tests.unit.providers.wire import Wire

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 26)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "model": "claude-sonnet-5-5",
        "service_tier": "standard",
        "uncached_input_tokens": 2**31,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
        "cache_read_input_tokens": 5,
        "output_tokens": 6,
    } | changes


def page(*rows: dict[str, Any], next_page: str | None = None) -> dict[str, Any]:
    bucket = {"starting_at": "2026-11-02T00:00:00Z", "results": list(rows)}
    return {"data": [bucket], "has_more": next_page is not None, "next_page": next_page}


def account(wire: Wire) -> AnthropicAccount:
    return AnthropicAccount(api_key="sk-ant-call", base_url=wire.url, timeout_s=5)


def failure(wire: Wire) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        account(wire).usage_by_day(FIRST, LAST, admin_key="sk-ant-admin")
    return caught.value


def test_it_is_asked_for_with_the_admins_key_page_by_page(wire: Wire) -> None:
    wire.script = [
        w.answer(page(row(), next_page="page_2")),
        w.answer(page(row(service_tier="batch", cache_creation=None))),
    ]

    days = account(wire).usage_by_day(
        date(2026, 10, 1), LAST, admin_key="sk-ant-admin", api_key_id="apikey_1"
    )

    one = Usage(
        input_tokens=2**31,
        output_tokens=6,
        cache_read_tokens=5,
        cache_write_5m_tokens=3,
        cache_write_1h_tokens=4,
    )
    other = Usage(input_tokens=2**31, output_tokens=6, cache_read_tokens=5)
    day, model = date(2026, 11, 2), "claude-sonnet-5-5"
    assert days == [
        DayUsage(day=day, model=model, batch=False, usage=one),
        DayUsage(day=day, model=model, batch=True, usage=other),
    ]
    first, second = wire.seen
    assert first.headers["x-api-key"] == "sk-ant-admin"
    assert "sk-ant-call" not in str(first.headers)
    assert first.line.startswith("GET /v1/organizations/usage_report/messages?")
    for part in ("bucket_width=1d", "group_by[]=model", "api_key_ids[]=apikey_1"):
        assert part in first.line.replace("%5B%5D", "[]")
    assert "page=page_2" in second.line


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{}",
        "x",
        page(row(output_tokens=-1)),
        page(row(output_tokens="many")),
        {"data": [{"starting_at": "soon", "results": []}]},
        {"data": [{"results": []}]},
        {"data": [7]},
    ],
)
def test_half_a_report_is_none(wire: Wire, body: object) -> None:
    wire.script = [w.answer(body)]

    assert type(failure(wire)) is errors.UnreadableAnswer


def test_a_rejected_key_is_named(wire: Wire) -> None:
    wire.script = [w.answer(w.error_body("authentication_error"), status=401)]

    error = failure(wire)

    assert type(error) is errors.KeyRejected
    assert "ANTHROPIC_ADMIN_KEY" in error.message
