"""What of a run goes realtime so that it ends by its deadline."""

from typing import Any

import pytest

from runs.spilling import Left, Spill, calls_per_minute, spill

#: Ten lanes, two seconds a call: five items a second, and four seconds for the last.
_LEFT = Left(
    left_s=100, waiting=0, out=0, realtime=0, lanes=10, delay_ms=0, call_s=2.0, per_minute=0
)


def left(**changes: Any) -> Left:
    return Left(**{**{name: getattr(_LEFT, name) for name in Left.__slots__}, **changes})


def spilled(now: Left, *slices: tuple[str, int]) -> Spill:
    return spill(now, slices, wait_s=20, margin_s=6)


def test_nothing_while_lanes_could_do_all_in_time() -> None:
    # 100 s less 6 to spare, 20 for slices to end and 4 for the last call: 350 items.
    assert spilled(left(out=350), ("a", 350)) == Spill(waiting=0)


def test_what_waits_goes_first_and_no_more_than_has_to() -> None:
    assert spilled(left(waiting=20, out=340), ("a", 340)) == Spill(waiting=10)


def test_then_slices_the_slowest_first() -> None:
    now = left(waiting=20, out=600)
    assert spilled(now, ("a", 200), ("b", 200), ("c", 200)) == Spill(
        waiting=20, batch_ids=("a", "b")
    )


def test_what_is_realtime_already_takes_its_part() -> None:
    assert spilled(left(out=200, realtime=200), ("a", 100), ("b", 100)).batch_ids == ("a",)
    # Nothing is left that could go.
    assert spilled(left(realtime=10_000)) == Spill(waiting=0)


def test_after_the_deadline_all_of_it() -> None:
    now = left(left_s=-5, waiting=3, out=4)
    assert spilled(now, ("a", 4)) == Spill(waiting=3, batch_ids=("a",))


def test_what_is_cancelled_already_is_waited_for() -> None:
    assert spilled(left(left_s=-5, out=4)) == Spill(waiting=0)


@pytest.mark.parametrize(("per_minute", "items"), [(0, 370), (60, 74)])
def test_the_keys_limit_counts(per_minute: int, items: int) -> None:
    now = left(per_minute=per_minute)
    assert now.in_time(reserved_s=22) == pytest.approx(items, abs=1)


@pytest.mark.parametrize(
    ("limits", "sharing", "calls"),
    [
        ([(1000, 1.0), (0, 2000.0), (0, 1500.0)], 1, 1000),
        ([(1000, 1.0), (2_000_000, 2500.0), (400_000, 1600.0)], 1, 250),
        ([(1000, 1.0), (2_000_000, None), (400_000, None)], 4, 250),
        ([(0, 1.0), (0, None)], 3, 0),
    ],
)
def test_the_limit_that_binds_counts_and_runs_share_it(
    limits: list[tuple[int, float | None]], sharing: int, calls: float
) -> None:
    assert calls_per_minute(limits, sharing=sharing) == calls
