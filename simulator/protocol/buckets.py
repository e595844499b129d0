"""Rate limits as the provider keeps them: token buckets, refilled all the time, per model pool."""

import time
from dataclasses import dataclass
from math import ceil

from simulator.clock import Clock
from simulator.protocol.errors import ApiError
from simulator.settings import Settings

UNLIMITED_PER_MINUTE = 1_000_000_000
"""What the headers show for a dimension without a limit: they are never left out."""

_ROUNDING = 1e-6
"""Tokens that float arithmetic may lose; without it, waiting exactly as told falls short."""


class TokenBucket:
    """`per_minute` tokens a minute, at most `burst_s` seconds' worth of them saved up.

    A cost above the capacity is granted to a full bucket and leaves it in debt, so that
    the rate holds and no request waits for ever.
    """

    __slots__ = ("_at_s", "_level", "capacity", "per_minute", "rate_per_s")

    def __init__(self, per_minute: int, burst_s: float, now_s: float) -> None:
        self.per_minute = per_minute
        self.rate_per_s = per_minute / 60
        self.capacity = max(1.0, self.rate_per_s * burst_s)
        self._level = self.capacity
        self._at_s = now_s

    def level(self, now_s: float) -> float:
        """Tokens in the bucket now; below zero while in debt."""
        elapsed_s = max(0.0, now_s - self._at_s)
        self._level = min(self.capacity, self._level + elapsed_s * self.rate_per_s)
        self._at_s += elapsed_s
        return self._level

    def wait_s(self, cost: float, now_s: float) -> float:
        """Seconds until `cost` would be granted; 0 when it would be now."""
        missing = min(cost, self.capacity) - self.level(now_s)
        return missing / self.rate_per_s if missing > _ROUNDING else 0.0

    def take(self, cost: float) -> None:
        """Take `cost`; the caller has asked `wait_s` for the same moment."""
        self._level -= cost


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a request was not let in, and how long until it would be."""

    dimension: str
    per_minute: int
    wait_s: float

    @property
    def retry_after_s(self) -> int:
        """Whole seconds for the `retry-after` header, never too short."""
        return max(1, ceil(self.wait_s - _ROUNDING))

    def error(self, what: str, more: str = "") -> ApiError:
        """The answer of a request that was not let in; `what` is counted, per minute."""
        return ApiError(
            429,
            "This request would exceed your organization's rate limit of "
            f"{self.per_minute} {what} per minute{more}.",
            headers={"retry-after": str(self.retry_after_s)},
        )


class PoolLimits:
    """The three buckets of one model pool, taken from together or not at all."""

    def __init__(self, settings: Settings, now_s: float) -> None:
        def bucket(per_minute: int) -> TokenBucket | None:
            return TokenBucket(per_minute, settings.burst_s, now_s) if per_minute else None

        self.requests = bucket(settings.requests_per_minute)
        self.input = bucket(settings.input_tokens_per_minute)
        self.output = bucket(settings.output_tokens_per_minute)

    def admit(self, *, input_tokens: int, output_tokens: int, now_s: float) -> Refusal | None:
        """Charge one request and its tokens, or say why not and charge nothing."""
        wanted = [
            ("requests", self.requests, 1),
            ("input tokens", self.input, input_tokens),
            ("output tokens", self.output, output_tokens),
        ]
        refusal: Refusal | None = None
        for dimension, bucket, cost in wanted:
            wait_s = bucket.wait_s(cost, now_s) if bucket else 0.0
            if bucket and wait_s > (refusal.wait_s if refusal else 0.0):
                refusal = Refusal(dimension=dimension, per_minute=bucket.per_minute, wait_s=wait_s)
        if refusal is None:
            for _, bucket, cost in wanted:
                if bucket:
                    bucket.take(cost)
        return refusal

    def headers(self, clock: Clock) -> str:
        """The twelve `anthropic-ratelimit-*` header lines.

        `reset` is the time of full replenishment; token counts are rounded to thousands;
        `tokens-*` repeats the token dimension that has the smaller share left.
        """
        now_s, epoch_s = clock.monotonic_s(), clock.now_s()
        tokens_in = _shown(self.input, now_s, epoch_s, rounded=True)
        tokens_out = _shown(self.output, now_s, epoch_s, rounded=True)
        in_is_tighter = tokens_in[1] * tokens_out[0] <= tokens_out[1] * tokens_in[0]
        tokens = tokens_in if in_is_tighter else tokens_out
        return self.request_headers(clock) + _TOKEN_LINES % (*tokens, *tokens_in, *tokens_out)

    def request_headers(self, clock: Clock) -> str:
        """The three lines about requests, which are all that batches have."""
        return _REQUEST_LINES % _shown(self.requests, clock.monotonic_s(), clock.now_s())


def _lines(*groups: str) -> str:
    return "".join(
        f"anthropic-ratelimit-{group}-limit: %d\r\n"
        f"anthropic-ratelimit-{group}-remaining: %d\r\n"
        f"anthropic-ratelimit-{group}-reset: %s\r\n"
        for group in groups
    )


_REQUEST_LINES = _lines("requests")
_TOKEN_LINES = _lines("tokens", "input-tokens", "output-tokens")


def _shown(
    bucket: TokenBucket | None, now_s: float, epoch_s: float, *, rounded: bool = False
) -> tuple[int, int, str]:
    if bucket is None:
        return UNLIMITED_PER_MINUTE, UNLIMITED_PER_MINUTE, _rfc3339(int(epoch_s))
    level = max(0.0, bucket.level(now_s))
    remaining = round(level / 1000) * 1000 if rounded else int(level + _ROUNDING)
    full_in_s = (bucket.capacity - level) / bucket.rate_per_s
    return bucket.per_minute, remaining, _rfc3339(ceil(epoch_s + full_in_s))


_RFC3339_KEPT = 1024
_rfc3339_texts: dict[int, str] = {}


def _rfc3339(epoch_s: int) -> str:
    text = _rfc3339_texts.get(epoch_s)
    if text is None:
        if len(_rfc3339_texts) >= _RFC3339_KEPT:
            _rfc3339_texts.clear()
        text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch_s))
        _rfc3339_texts[epoch_s] = text
    return text
