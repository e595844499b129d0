"""When a call is tried again."""

from random import Random

import pytest

from workers.retry import RetryPolicy, unstated_wait_s

POLICY = RetryPolicy(max_attempts=4, first_wait_s=10, max_wait_s=30)


def wait_s(attempt: int, *, retry_after_s: float | None = None, seed: int = 1) -> float | None:
    return POLICY.wait_s(attempt=attempt, retry_after_s=retry_after_s, random=Random(seed))


@pytest.mark.parametrize(("attempt", "most_s"), [(1, 10), (2, 20), (3, 30)])
def test_the_wait_doubles_up_to_its_cap_with_jitter(attempt: int, most_s: float) -> None:
    waits = [wait_s(attempt, seed=seed) for seed in range(200)]

    assert all(wait is not None and most_s / 2 <= wait <= most_s for wait in waits)
    assert len(set(waits)) > 100


def test_it_gives_up_after_the_last_retry() -> None:
    assert wait_s(3) is not None
    assert wait_s(4) is None


@pytest.mark.parametrize("retry_after_s", [15.0, 3600.0])
def test_what_the_provider_asked_for_is_never_shortened(retry_after_s: float) -> None:
    assert all(wait_s(1, retry_after_s=retry_after_s, seed=s) == retry_after_s for s in range(50))


def test_a_short_retry_after_does_not_shorten_the_backoff() -> None:
    wait = wait_s(1, retry_after_s=0.1)

    assert wait is not None
    assert wait >= 5


def test_no_retries_means_none() -> None:
    policy = RetryPolicy(max_attempts=1, first_wait_s=1)

    assert policy.wait_s(attempt=1, retry_after_s=5, random=Random(1)) is None


@pytest.mark.parametrize(
    ("errors", "factor"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 16), (5_000, 16)]
)
def test_an_unstated_rate_limit_pauses_longer_and_longer_but_not_for_hours(
    errors: int, factor: int
) -> None:
    for seed in range(50):
        wait = unstated_wait_s(errors=errors, random=Random(seed))
        assert 30 * factor <= wait <= 60 * factor
