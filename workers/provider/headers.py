"""What the provider's response headers say about our limits; pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: How the four dimensions are called on the wire.
_PREFIX = b"anthropic-ratelimit-"


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitWindow:
    """One dimension's bucket as the provider sees it; None where a header is missing or odd.

    `reset_at` is when the bucket is full again. The provider rounds a token `remaining` to
    thousands.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimitHeaders:
    """The `anthropic-ratelimit-*` headers; a dimension that was not sent is None.

    `tokens` is the most restrictive of the token limits in effect.
    """

    requests: LimitWindow | None = None
    tokens: LimitWindow | None = None
    input_tokens: LimitWindow | None = None
    output_tokens: LimitWindow | None = None


def rate_limit_headers(raw: Iterable[tuple[bytes, bytes]]) -> RateLimitHeaders | None:
    """The limits in these raw headers, or None when there are none.

    Reads the raw pairs once: a look-up by name in an httpx2 header object walks all of them.
    """
    values = {
        name.lower().removeprefix(_PREFIX): value
        for name, value in raw
        if name.lower().startswith(_PREFIX)
    }
    if not values:
        return None
    return RateLimitHeaders(
        requests=_window(values, b"requests"),
        tokens=_window(values, b"tokens"),
        input_tokens=_window(values, b"input-tokens"),
        output_tokens=_window(values, b"output-tokens"),
    )


def _window(values: dict[bytes, bytes], dimension: bytes) -> LimitWindow | None:
    limit = values.get(dimension + b"-limit")
    remaining = values.get(dimension + b"-remaining")
    reset = values.get(dimension + b"-reset")
    if limit is None and remaining is None and reset is None:
        return None
    return LimitWindow(limit=_count(limit), remaining=_count(remaining), reset_at=_moment(reset))


def _count(value: bytes | None) -> int | None:
    return int(value) if value is not None and len(value) < 19 and value.isdigit() else None


def _moment(value: bytes | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value.decode("latin-1"))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def retry_after_s(*, milliseconds: str | None, header: str | None, now: datetime) -> float | None:
    """Seconds to wait by `retry-after-ms` and `retry-after`, or None when they ask for none.

    The milliseconds win. `retry-after` is seconds, fractions allowed, or an HTTP date. Zero,
    negative and senseless values ask for nothing, as in the SDK.
    """
    for wait_s in (_seconds(milliseconds, 1000.0), _seconds(header, 1.0), _until(header, now)):
        if wait_s is not None and wait_s > 0:
            return wait_s
    return None


def _seconds(value: str | None, divisor: float) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value) / divisor
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _until(value: str | None, now: datetime) -> float | None:
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000": UTC without a stated zone
        moment = moment.replace(tzinfo=UTC)
    return (moment - now).total_seconds()
