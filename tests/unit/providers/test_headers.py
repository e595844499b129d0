"""Rate-limit headers, as sent and as nobody should send them."""

import pytest

from providers.anthropic.rate_limit_headers import rate_limit_headers, retry_after_s
from providers.values import RateLimitWindow


def test_those_that_we_use_are_read() -> None:
    limits = rate_limit_headers(
        [
            (b"Content-Type", b"application/json"),
            *(
                (b"Anthropic-RateLimit-" + dimension + b"-" + what, value)
                for dimension in (b"Requests", b"Tokens", b"Input-Tokens", b"Output-Tokens")
                for what, value in (
                    (b"Limit", b"1000"),
                    (b"Remaining", b"0"),
                    (b"Reset", b"2026-11-22T06:30:00Z"),
                )
            ),
        ]
    )

    assert limits is not None
    assert limits.requests == RateLimitWindow(limit=1000, remaining=0)
    tokens = RateLimitWindow(limit=1000, remaining=0, rounded_to=1000)
    assert limits.input_tokens == limits.output_tokens == tokens


def test_none_are_none() -> None:
    assert rate_limit_headers([(b"request-id", b"req_1")]) is None


def test_what_is_missing_or_senseless_is_none() -> None:
    limits = rate_limit_headers(
        [
            (b"anthropic-ratelimit-requests-limit", b"many"),
            (b"anthropic-ratelimit-requests-remaining", b"-1"),
            (b"anthropic-ratelimit-input-tokens-limit", b"9" * 5000),
            (b"anthropic-ratelimit-input-tokens-remaining", b"12"),
        ]
    )

    assert limits is not None
    assert limits.requests == RateLimitWindow()
    assert limits.input_tokens == RateLimitWindow(remaining=12, rounded_to=1000)
    assert limits.output_tokens is None


@pytest.mark.parametrize(
    "value", [b"1e300", b"1e9", b"inf", b"nan", b"1_000", b"\xb2", b"1.5", b"", b"9" * 13]
)
def test_a_limit_that_no_key_has_is_not_believed(value: bytes) -> None:
    limits = rate_limit_headers([(b"anthropic-ratelimit-requests-limit", value)])

    assert limits is not None
    assert limits.requests == RateLimitWindow()


def test_of_a_header_that_came_twice_the_lower_counts() -> None:
    name = b"anthropic-ratelimit-requests-remaining"
    limits = rate_limit_headers([(name, b"7"), (name, b"3"), (name, b"odd")])

    assert limits is not None
    assert limits.requests == RateLimitWindow(remaining=3)


def test_of_a_wait_that_came_twice_the_longer_counts() -> None:
    raw = [(b"Retry-After", b"7"), (b"retry-after", b"40"), (b"retry-after", b"soon")]

    assert retry_after_s(raw) == 40
