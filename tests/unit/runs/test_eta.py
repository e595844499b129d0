"""What is left of a run: by its pace, without its pauses, and between honest bounds."""

import heapq
import math
from random import Random

import pytest

from runs.reads.eta import Mark, Remaining, remaining

S = 1000.0


def begun(lanes: int) -> Mark:
    return Mark(at_ms=0, runs=True, lanes=lanes, done=0)


def test_nothing_is_known_before_one_epic_is_done() -> None:
    assert remaining(marks=[begun(2)], at_ms=9 * S, done=0, generating=2, left=9) is None


def test_nothing_left() -> None:
    found = remaining(marks=[begun(2)], at_ms=9 * S, done=3, generating=0, left=0)
    assert found == Remaining(ms=0, low_ms=0, high_ms=0)


def test_it_goes_on_at_its_pace() -> None:
    """100 epics in 1,000 s on 10 lanes: one takes a lane 100 s, and 200 more take 2,000 s."""
    found = remaining(marks=[begun(10)], at_ms=1000 * S, done=100, generating=0, left=200)
    assert found
    assert found.ms == pytest.approx(2000 * S, rel=0.05)
    assert found.low_ms < found.ms < found.high_ms


def test_a_pause_is_not_part_of_the_pace() -> None:
    straight = remaining(marks=[begun(2)], at_ms=60 * S, done=10, generating=2, left=30)
    hour = 3600 * S
    paused = [
        begun(2),
        Mark(at_ms=20 * S, runs=False, lanes=2, done=4),
        Mark(at_ms=20 * S + hour, runs=True, lanes=2, done=4),
    ]
    assert remaining(marks=paused, at_ms=60 * S + hour, done=10, generating=2, left=30) == straight


def test_more_lanes_are_quicker_at_once() -> None:
    before = remaining(marks=[begun(2)], at_ms=100 * S, done=20, generating=0, left=100)
    changed = [begun(2), Mark(at_ms=100 * S, runs=True, lanes=10, done=20)]
    after = remaining(marks=changed, at_ms=100 * S, done=20, generating=0, left=100)
    assert before
    assert after
    assert after.ms == pytest.approx(before.ms / 5, rel=0.15)


def test_what_was_long_ago_is_forgotten() -> None:
    """The first 100 epics took 10 s each, the last 60 took 1 s each."""
    marks = [begun(1), Mark(at_ms=1000 * S, runs=True, lanes=1, done=100)]
    found = remaining(marks=marks, at_ms=1060 * S, done=160, generating=0, left=100)
    assert found
    assert found.ms == pytest.approx(100 * S, rel=0.05)


def test_bounds_are_closer_the_more_is_known() -> None:
    few = remaining(marks=[begun(1)], at_ms=40 * S, done=4, generating=0, left=100)
    many = remaining(marks=[begun(1)], at_ms=400 * S, done=40, generating=0, left=100)
    assert few
    assert many
    assert many.high_ms - many.low_ms < few.high_ms - few.low_ms


def ends(random: Random, *, epics: int, lanes: int, spread: float) -> list[tuple[float, float]]:
    """(begin, end) of every epic of a run; one takes 20 s in the mean."""
    sigma = math.sqrt(math.log(1 + spread**2))
    free = [0.0] * lanes
    found = []
    for _ in range(epics):
        began = heapq.heappop(free)
        ended = began + 20 * S * random.lognormvariate(-(sigma**2) / 2, sigma)
        heapq.heappush(free, ended)
        found.append((began, ended))
    return found


@pytest.mark.parametrize("spread", [0.3, 0.8])
@pytest.mark.parametrize(("epics", "lanes"), [(6, 2), (15, 2), (100, 1), (100, 5), (300, 20)])
def test_more_than_every_other_run_ends_within_the_bounds(
    epics: int, lanes: int, spread: float
) -> None:
    random, within, asked = Random(f"{epics} {lanes} {spread}"), 0, 0
    for _ in range(100):
        spans = ends(random, epics=epics, lanes=lanes, spread=spread)
        for part in (0.2, 0.5, 0.8):
            done = max(1, round(part * epics))
            at = sorted(ended for _, ended in spans)[done - 1]
            generating = sum(began <= at < ended for began, ended in spans)
            found = remaining(
                marks=[begun(lanes)],
                at_ms=at,
                done=done,
                generating=generating,
                left=epics - done,
            )
            assert found
            truth = max(ended for _, ended in spans) - at
            within, asked = within + (found.low_ms <= truth <= found.high_ms), asked + 1
    assert within / asked > 0.5
