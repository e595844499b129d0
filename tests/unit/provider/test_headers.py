"""Rate-limit headers, as sent and as nobody should send them."""

from datetime import UTC, datetime

from workers.provider.headers import LimitWindow, rate_limit_headers


def test_all_twelve_are_read() -> None:
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

    window = LimitWindow(
        limit=1000, remaining=0, reset_at=datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
    )
    assert limits is not None
    assert limits.requests == limits.tokens == window
    assert limits.input_tokens == limits.output_tokens == window


def test_none_are_none() -> None:
    assert rate_limit_headers([(b"request-id", b"req_1")]) is None


def test_what_is_missing_or_senseless_is_none() -> None:
    limits = rate_limit_headers(
        [
            (b"anthropic-ratelimit-requests-limit", b"many"),
            (b"anthropic-ratelimit-requests-remaining", b"-1"),
            (b"anthropic-ratelimit-requests-reset", b"tomorrow"),
            (b"anthropic-ratelimit-tokens-limit", b"9" * 5000),
            (b"anthropic-ratelimit-tokens-reset", b"2026-11-22T06:30:00"),
            (b"anthropic-ratelimit-input-tokens-reset", b"\xff\x00"),
            (b"anthropic-ratelimit-input-tokens-remaining", b"12"),
        ]
    )

    assert limits is not None
    assert limits.requests == LimitWindow()
    assert limits.tokens == LimitWindow()
    assert limits.input_tokens == LimitWindow(remaining=12)
    assert limits.output_tokens is None
