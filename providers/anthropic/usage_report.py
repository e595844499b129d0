"""The usage report of an organization, by day, model and service tier; for an admin's key."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import httpx2

from providers.anthropic.sdk import blocking_sdk
from providers.anthropic.translate import translate
from providers.anthropic.wire import count, loaded
from providers.cleaning import label
from providers.errors import UnreadableAnswer
from providers.usage_report import DayUsage
from providers.values import Usage

PATH = "/v1/organizations/usage_report/messages"
#: Of one page.
TIMEOUT_S = 30.0
_DAYS_A_PAGE = 31
#: Of a day: a million million tokens.
_MOST_TOKENS = 10**12


def usage_ask(
    *, admin_key: str, base_url: str | None, first: date, last: date, api_key_id: str
) -> list[DayUsage]:
    """What was used from the first to the last day.

    Args:
        api_key_id: of one key alone; "": of the whole organization.

    Raises:
        ProviderError: the report cannot be had.
    """
    asked: dict[str, object] = {
        "starting_at": f"{first}T00:00:00Z",
        "ending_at": f"{last}T23:59:59Z",
        "bucket_width": "1d",
        "group_by": ["model", "service_tier"],
        "limit": _DAYS_A_PAGE,
    }
    if api_key_id:
        asked["api_key_ids"] = [api_key_id]
    try:
        with blocking_sdk(api_key=admin_key, base_url=base_url, timeout_s=TIMEOUT_S) as sdk:
            pages = 1 + (last - first).days // _DAYS_A_PAGE
            found: list[DayUsage] = []
            for _ in range(pages):
                options: Any = {"params": asked, "headers": {"x-api-key": admin_key}}
                response = sdk.get(PATH, cast_to=httpx2.Response, options=options)
                page = loaded(response.content)
                found.extend(_days(page))
                if not isinstance(page, dict) or not page.get("next_page"):
                    return found
                asked["page"] = page["next_page"]
            return found
    except Exception as exc:
        error = translate(exc).naming(key="ANTHROPIC_ADMIN_KEY", base_url="ANTHROPIC_BASE_URL")
        raise error from exc


def _days(page: object) -> Iterator[DayUsage]:
    """Half a report is none."""
    try:
        for bucket in page["data"]:  # type: ignore[index]  # what has no such thing is no report
            day = datetime.fromisoformat(bucket["starting_at"]).date()
            for row in bucket["results"]:
                yield DayUsage(
                    day=day,
                    model=label(row["model"]),
                    batch=row["service_tier"] == "batch",
                    usage=_usage(row),
                )
    except (KeyError, TypeError, ValueError) as exc:
        raise UnreadableAnswer from exc


def _usage(row: dict[str, Any]) -> Usage:
    written = row.get("cache_creation") or {}
    return Usage(
        input_tokens=_tokens(row, "uncached_input_tokens"),
        output_tokens=_tokens(row, "output_tokens"),
        cache_read_tokens=_tokens(row, "cache_read_input_tokens"),
        cache_write_5m_tokens=_tokens(written, "ephemeral_5m_input_tokens"),
        cache_write_1h_tokens=_tokens(written, "ephemeral_1h_input_tokens"),
    )


def _tokens(row: dict[str, Any], name: str) -> int:
    tokens = count(row.get(name) or 0, most=_MOST_TOKENS)
    if tokens is None:
        raise ValueError(f"{name} is no number of tokens")
    return tokens
