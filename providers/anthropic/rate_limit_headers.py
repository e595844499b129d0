"""What the provider's response headers say about our limits; pure."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from providers.values import RateLimits, RateLimitWindow

#: How the four dimensions are called on the wire.
_PREFIX = b"anthropic-ratelimit-"
#: Tokens that are left are said in thousands.
_TOKENS_ROUNDED_TO = 1000
#: A longer number is not believed: no limit is a million million a minute.
_MOST_DIGITS = 12
#: Longer than any number or date that makes sense.
_MOST_CHARS = 400
#: A year: what asks for more asks for no less than for ever.
LONGEST_S = 365 * 86_400.0
_NUMBER = re.compile(r"\d+(\.\d*)?(e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE)


def rate_limit_headers(raw: Iterable[tuple[bytes, bytes]]) -> RateLimits | None:
    """The limits in these raw headers, or None when there are none.

    Reads the raw pairs once: a look-up by name in an httpx2 header object walks all of them.
    """
    values: dict[bytes, list[bytes]] = {}
    for name, value in raw:
        if (lower := name.lower()).startswith(_PREFIX):
            values.setdefault(lower.removeprefix(_PREFIX), []).append(value)
    if not values:
        return None
    return RateLimits(
        requests=_window(values, b"requests", rounded_to=1),
        input_tokens=_window(values, b"input-tokens", rounded_to=_TOKENS_ROUNDED_TO),
        output_tokens=_window(values, b"output-tokens", rounded_to=_TOKENS_ROUNDED_TO),
    )


def _window(
    values: dict[bytes, list[bytes]], dimension: bytes, *, rounded_to: int
) -> RateLimitWindow | None:
    limits = values.get(dimension + b"-limit", [])
    remaining = values.get(dimension + b"-remaining", [])
    if not limits and not remaining:
        return None
    return RateLimitWindow(limit=_count(limits), remaining=_count(remaining), rounded_to=rounded_to)


def _count(values: list[bytes]) -> int | None:
    """The lowest that makes sense: several proxies may each have added one."""
    counts = [int(v) for v in values if len(v) <= _MOST_DIGITS and v.isdigit()]
    return min(counts, default=None)


def retry_after_s(raw: Iterable[tuple[bytes, bytes]]) -> float | None:
    """Seconds to wait by `retry-after-ms` and `retry-after`, or None when they ask for none.

    The milliseconds win. `retry-after` is seconds, fractions allowed, or an HTTP date, which
    counts from the response's own `date` (this host's clock may be wrong) and asks for nothing
    where there is none. So do zero, negative and senseless values, as in the SDK; of several the
    longest counts. Never more than LONGEST_S.
    """
    values: dict[bytes, list[str]] = {b"retry-after-ms": [], b"retry-after": [], b"date": []}
    for name, value in raw:
        if (found := values.get(name.lower())) is not None and len(value) <= _MOST_CHARS:
            found.append(value.decode("latin-1").strip())
    since = next((moment for text in values[b"date"] if (moment := _http_date(text))), None)
    asked = (
        [_seconds(one, 1000.0) for one in _joined(values[b"retry-after-ms"])],
        [_seconds(one, 1.0) for one in _joined(values[b"retry-after"])],
        [_until(text, since) for text in values[b"retry-after"]],
    )
    for waits in asked:
        longest = max((wait for wait in waits if wait is not None), default=0.0)
        if longest > 0:
            return min(longest, LONGEST_S)
    return None


def _joined(texts: list[str]) -> list[str]:
    """Each by itself: what stood in several headers may have been joined on its way."""
    return [one for text in texts for one in text.split(", ")]


def _seconds(text: str, divisor: float) -> float | None:
    # float() takes digits of other scripts, underscores and "inf" too.
    return float(text) / divisor if _NUMBER.fullmatch(text) else None


def _until(text: str, since: datetime | None) -> float | None:
    until = _http_date(text)
    return (until - since).total_seconds() if until and since else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):  # by what is odd about it
        return None
    # "-0000": UTC without a stated zone
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
