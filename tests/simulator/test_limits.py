"""Buckets, headers and concurrency: what is granted in a window, and what a refusal says."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import anthropic
import pytest

from simulator.protocol.buckets import PoolLimits, TokenBucket
from simulator.settings import Settings


def limits(**settings: Any) -> PoolLimits:
    return PoolLimits(Settings(**settings), now_s=0.0)


def test_bucket_refills_all_the_time_up_to_its_capacity() -> None:
    bucket = TokenBucket(60, burst_s=2, now_s=0.0)
    bucket.take(2)
    assert bucket.wait_s(1, 0.0) == pytest.approx(1.0)
    assert bucket.wait_s(1, 0.75) == pytest.approx(0.25)
    assert bucket.wait_s(1, 1.0) == 0.0
    assert bucket.level(100.0) == 2.0


def test_waiting_as_long_as_told_is_long_enough() -> None:
    bucket = TokenBucket(7, burst_s=60, now_s=0.0)
    now_s = 0.0
    for _ in range(500):
        now_s += bucket.wait_s(1, now_s)
        assert bucket.wait_s(1, now_s) == 0.0
        bucket.take(1)


def test_cost_above_the_capacity_is_granted_and_paid_back() -> None:
    bucket = TokenBucket(600, burst_s=1, now_s=0.0)
    assert bucket.wait_s(100, 0.0) == 0.0
    bucket.take(100)
    assert bucket.wait_s(1, 0.0) == pytest.approx(9.1)


def test_a_refusal_charges_nothing() -> None:
    pool = limits(requests_per_minute=60, output_tokens_per_minute=60, burst_s=10)
    assert pool.admit(input_tokens=5, output_tokens=10, now_s=0.0) is None
    refusal = pool.admit(input_tokens=5, output_tokens=10, now_s=0.0)
    assert refusal
    assert (refusal.dimension, refusal.retry_after_s) == ("output tokens", 10)
    assert pool.requests
    assert pool.requests.level(0.0) == 9


@pytest.mark.parametrize("burst_s", [0.25, 1.0])
def test_grants_in_a_window(
    client: anthropic.Anthropic, simulator: Any, request_of: Any, burst_s: float
) -> None:
    rate_per_s = 10  # which a busy machine exceeds, too
    simulator.configure(requests_per_minute=rate_per_s * 60, burst_s=burst_s)

    waits_s: set[str] = set()

    def hammer(worker: int) -> None:
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            try:
                client.messages.create(**request_of(marker=f"w{worker}"))
            except anthropic.RateLimitError as caught:
                waits_s.add(caught.response.headers["retry-after"])
                time.sleep(0.01)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(hammer, range(4)))
    assert waits_s == {"1"}
    granted = [call["start"] for call in simulator.calls() if call["status"] == 200]
    window_s = granted[-1] - granted[0]
    capacity = rate_per_s * burst_s
    assert len(granted) <= capacity + rate_per_s * window_s + 1
    assert len(granted) >= capacity + rate_per_s * window_s - 3


def test_input_counts_what_is_not_read_from_the_cache(
    client: anthropic.Anthropic, simulator: Any
) -> None:
    simulator.configure(input_tokens_per_minute=3000)
    system: Any = [{"type": "text", "text": "s" * 3600, "cache_control": {"type": "ephemeral"}}]

    def call(text: str) -> anthropic.types.Usage:
        return client.messages.create(
            model="claude-sonnet-5-5",
            max_tokens=10,
            system=system,
            messages=[{"role": "user", "content": text}],
        ).usage

    first = call("u" * 360)
    assert (first.cache_creation_input_tokens, first.cache_read_input_tokens) == (1000, 0)
    for _ in range(15):
        again = call("u" * 360)
        assert (again.input_tokens, again.cache_read_input_tokens) == (100, 1000)
    with pytest.raises(anthropic.RateLimitError) as caught:
        call("u" * 3600)
    assert "input tokens per minute" in str(caught.value)


def test_headers_tell_the_state_of_the_buckets(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.configure(
        requests_per_minute=60, input_tokens_per_minute=600_000, output_tokens_per_minute=60_000
    )
    raw = client.messages.with_raw_response.create(**request_of())
    left = {name.removeprefix("anthropic-ratelimit-"): value for name, value in raw.headers.items()}
    assert (left["requests-limit"], left["requests-remaining"]) == ("60", "59")
    assert left["input-tokens-limit"] == "600000"
    assert int(left["input-tokens-remaining"]) % 1000 == 0
    assert left["tokens-limit"] == left["output-tokens-limit"] == "60000"
    reset = datetime.fromisoformat(left["requests-reset"])
    assert 0 <= (reset - datetime.now(UTC)).total_seconds() <= 2


def test_models_have_their_own_buckets_and_families_share(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.configure(requests_per_minute=1)
    client.messages.create(**request_of(model="claude-sonnet-5-5"))
    client.messages.create(**request_of(model="claude-opus-4-8"))
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(**request_of(model="claude-opus-4-7"))
    assert caught.value.response.headers["retry-after"] == "60"


def test_waiting_for_retry_after_succeeds(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.configure(requests_per_minute=60, burst_s=1)
    client.messages.create(**request_of())
    retrying = client.with_options(max_retries=1)
    assert retrying.messages.create(**request_of()).stop_reason == "end_turn"
    assert [call["retry_count"] for call in simulator.calls()] == [0, 0, 1]
    assert simulator.totals()["sdk_retries"] == 1


def test_cap_on_concurrent_calls(
    client: anthropic.Anthropic, simulator: Any, request_of: Any
) -> None:
    simulator.configure(latency_ms=300, max_concurrency=2)

    def outcome(at: int) -> str:
        try:
            client.messages.create(**request_of(marker=str(at)))
        except anthropic.RateLimitError as caught:
            return str(caught.api_message)
        return ""

    with ThreadPoolExecutor(4) as threads:
        outcomes = sorted(threads.map(outcome, range(4)))
    assert outcomes[:2] == ["", ""]
    assert all("concurrent connections" in text for text in outcomes[2:])


def test_jitter_is_lognormal_with_the_set_mean(simulator: Any) -> None:
    from simulator.state.provider import Provider

    provider = Provider(Settings(latency_ms=200, jitter_ms=80, seed=7))
    drawn = [provider.latency_s() for _ in range(20_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(0.2, rel=0.02)
    assert min(drawn) > 0
    assert [Provider(Settings(latency_ms=200, jitter_ms=80, seed=7)).latency_s()] == drawn[:1]
