"""What an error leads to; the whole table stands in docs/errors.md."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from providers.errors import (
    ConnectionFailed,
    Overloaded,
    ProviderError,
    QueueFull,
    RateLimited,
    ServerFailed,
)
from runs.pacing import PROFILES
from runs.states import RunStatus
from tests.unit.workers.error_table import FIRST, Claimed, rows
from workers.decisions import (
    BACKOFF_MOST_S,
    Between,
    CloseGate,
    Closing,
    Finish,
    GiveBack,
    StopRun,
    decide,
    paced_ms,
    settle,
)

_PAGE = Path(__file__).parents[3] / "docs/errors.md"


def _wait(error: ProviderError, claim: Claimed, closing: Closing | None = None) -> Between:
    decision = decide(error, claim, closing)
    assert isinstance(decision, GiveBack)
    return decision.wait


def _closed(retry_after_s: float | None = None, *, closings: int = 0) -> Between:
    use = settle(RateLimited(retry_after_s=retry_after_s), closings=closings)
    assert isinstance(use, CloseGate)
    return use.wait


def test_the_page_has_the_table_as_the_code_has_it() -> None:
    """`python -m tests.unit.workers.error_table` writes it anew."""
    table = [line for line in _PAGE.read_text().splitlines() if line.startswith("|")]
    assert table == list(rows())


@pytest.mark.parametrize(("attempt", "most_s"), [(1, 10), (2, 20), (3, 40), (5, BACKOFF_MOST_S)])
def test_the_backoff_doubles_up_to_its_cap(attempt: int, most_s: float) -> None:
    claim = replace(FIRST, attempt=attempt, max_retries=9, retry_wait_ms=10_000)
    assert _wait(ServerFailed(), claim) == Between(least_s=most_s / 2, most_s=most_s)


def test_it_gives_up_after_the_last_retry() -> None:
    assert isinstance(decide(ServerFailed(), replace(FIRST, attempt=2)), GiveBack)
    assert isinstance(decide(ServerFailed(), replace(FIRST, attempt=3)), Finish)
    assert isinstance(decide(ServerFailed(), replace(FIRST, max_retries=0)), Finish)


@pytest.mark.parametrize("asked_s", [15.0, 3600.0])
def test_what_the_provider_asked_for_is_never_shortened(asked_s: float) -> None:
    wait = _wait(Overloaded(retry_after_s=asked_s), FIRST)
    assert wait == Between(least_s=asked_s, most_s=asked_s)


def test_a_short_retry_after_does_not_shorten_the_backoff() -> None:
    assert _wait(ConnectionFailed(retry_after_s=0.1), FIRST) == Between(least_s=2.5, most_s=5)


@pytest.mark.parametrize(
    ("in_a_row", "factor"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 16), (5_000, 16)]
)
def test_an_unstated_rate_limit_closes_for_longer_and_longer_but_not_for_hours(
    in_a_row: int, factor: int
) -> None:
    wait = _closed(closings=in_a_row - 1)
    assert wait == Between(least_s=30 * factor, most_s=60 * factor)


def test_a_rate_limit_without_a_time_pauses_the_run_when_waiting_does_not_help() -> None:
    def after(in_a_row: int, retry_after_s: float | None = None) -> type:
        closing = Closing(seconds=30, in_a_row=in_a_row)
        return type(decide(RateLimited(retry_after_s=retry_after_s), FIRST, closing))

    assert after(4) is GiveBack
    assert after(5) is StopRun
    assert after(5, retry_after_s=1) is GiveBack


def test_a_lane_waits_for_the_gate_or_its_pace_whichever_is_longer() -> None:
    slow = replace(FIRST, delay_ms=3_000, rate_limit_streak=2)
    assert _wait(RateLimited(), slow, Closing(seconds=7, in_a_row=1)).least_s == 24
    assert _wait(RateLimited(), slow, Closing(seconds=70, in_a_row=1)).least_s == 70
    assert _wait(QueueFull(), slow).least_s == 24


def test_a_lane_is_parked_for_minutes_at_most() -> None:
    assert _wait(RateLimited(), FIRST, Closing(seconds=1e9, in_a_row=1)).least_s == 300


def test_a_full_queue_of_ours_is_no_limit_of_the_providers() -> None:
    """However often others' calls met one."""
    closings = 9
    assert not isinstance(settle(QueueFull(), closings=closings), CloseGate)
    assert isinstance(decide(QueueFull(), FIRST), GiveBack)


@pytest.mark.parametrize("name", PROFILES)
def test_the_pace_never_quickens_with_rate_limits_and_a_success_resets_it(name: str) -> None:
    base_ms = PROFILES[name].delay_ms
    paces_ms = [paced_ms(base_ms, rate_limits=count) for count in range(6)]

    assert paces_ms == [base_ms * times for times in (1, 2, 4, 8, 8, 8)]


def test_a_wait_is_drawn_between_its_bounds() -> None:
    waits = {Between(least_s=2, most_s=4).draw(Random(seed)) for seed in range(200)}
    assert all(2 <= wait <= 4 for wait in waits)
    assert len(waits) > 100


def test_what_stops_a_run_says_how() -> None:
    paused = decide(RateLimited(), FIRST, Closing(seconds=30, in_a_row=5))
    assert isinstance(paused, StopRun)
    assert paused.to is RunStatus.PAUSED
