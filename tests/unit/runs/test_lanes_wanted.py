"""How many lanes calls make use of, where nobody said how many a run may have."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from runs.pacing import MOST_LANES, Traffic, lanes_wanted

LEAST = 10
STEADY = Traffic(
    lanes=6000, running=5000, begun=167, held=0, left=50_000, offered=6000, allowed=20_000
)


def wanted(traffic: Traffic) -> int:
    return lanes_wanted(traffic, least=LEAST)


def simulated(
    *, rate: float, latency_s: Callable[[int], float], seconds: int, slots: int, start: int = 10
) -> list[tuple[int, int]]:
    """(lanes, calls under way) second by second, where `rate` calls may begin a second."""
    rng = random.Random(5)
    lanes, ends, history = start, list[float](), []
    for second in range(seconds):
        ends = [end for end in ends if end > second]
        begun = max(0, min(round(rate), lanes - len(ends), slots - len(ends)))
        ends += [second + latency_s(second) * rng.lognormvariate(-0.08, 0.4) for _ in range(begun)]
        now = Traffic(
            lanes=lanes,
            running=len(ends),
            begun=begun,
            held=0,
            left=1_000_000,
            offered=slots,
        )
        changed = wanted(now)
        lanes = max(lanes, changed) if second % 5 else changed
        history.append((lanes, len(ends)))
    return history


@pytest.mark.parametrize(("rate", "latency_s"), [(167, 30), (167, 5), (17, 60), (1, 20)])
def test_no_permit_waits_for_a_lane(rate: int, latency_s: float) -> None:
    """Little: so many calls are under way as begin a second, times what one takes."""
    history = simulated(rate=rate, latency_s=lambda _: latency_s, seconds=120, slots=9000)
    lanes, running = history[-1]
    assert running == pytest.approx(rate * latency_s, rel=0.1)
    assert running < lanes < 1.25 * (rate * latency_s * 1.1 + 2 * max(LEAST, 2 * rate))
    begun_by_60_s = sum(running for _, running in history[:60])
    ideal = simulated(rate=rate, latency_s=lambda _: latency_s, seconds=60, slots=9000, start=9000)
    assert begun_by_60_s > 0.9 * sum(running for _, running in ideal)


def test_it_goes_down_when_calls_take_less_long() -> None:
    history = simulated(
        rate=167, latency_s=lambda second: 30 if second < 60 else 6, seconds=150, slots=9000
    )
    assert history[59][0] > 4000
    assert history[-1][0] < 1.25 * (1200 + 4 * 167)


def test_it_stays_within_what_workers_offer() -> None:
    history = simulated(rate=167, latency_s=lambda _: 30, seconds=60, slots=500)
    assert history[-1] == (500, 500)


@pytest.mark.parametrize(
    ("changed", "lanes"),
    [
        ({}, 6000),
        ({"lanes": 5000}, 5668),
        ({"lanes": 5000, "held": 300, "offered": 9000}, 5968),
        ({"lanes": 5000, "left": 5200}, 5200),
        ({"lanes": 5000, "allowed": 5100}, 5100),
        ({"lanes": 5000, "allowed": 4000}, 5000),
        ({"lanes": 5000, "offered": 5050}, 5050),
        ({"lanes": 9990, "running": 9990, "offered": 90_000}, MOST_LANES),
        ({"running": 100, "begun": 3}, 4500),
        ({"running": 100, "begun": 3, "left": 6000}, 6000),
        ({"running": 100, "begun": 3, "closed": True}, 6000),
        ({"lanes": 10, "running": 10, "begun": 10}, 50),
        ({"lanes": 10, "running": 4, "begun": 0, "offered": 4}, 10),
    ],
)
def test_what_is_wanted(changed: dict[str, int], lanes: int) -> None:
    assert wanted(replace(STEADY, **changed)) == lanes  # type: ignore[arg-type]
