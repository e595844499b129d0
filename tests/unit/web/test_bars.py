"""A chart of amounts by day."""

from datetime import date, timedelta

from web.bars import MOST_DAYS, bars_of

DAY = date(2026, 11, 26)


def test_days_stand_where_they_are_and_as_high_as_their_amount() -> None:
    found = bars_of({DAY: 400, DAY - timedelta(days=2): 100, DAY - timedelta(days=3): 1})
    assert found
    assert [(bar.left, bar.top, bar.height) for bar in found.bars] == [
        (0, 99, 1),
        (10, 75, 25),
        (30, 0, 100),
    ]
    assert (found.width, found.first, found.dearest.day) == (40, DAY - timedelta(days=3), DAY)


def test_of_a_long_time_the_last_days_are_shown() -> None:
    found = bars_of({DAY - timedelta(days=back): 7 for back in (0, 1, MOST_DAYS, 400)})
    assert found
    assert [bar.day for bar in found.bars] == [DAY - timedelta(days=1), DAY]
    assert found.width == 10 * MOST_DAYS


def test_where_nothing_was_spent_nothing_stands() -> None:
    assert bars_of({}) is None
    found = bars_of({DAY: 0})
    assert found
    assert (found.bars[0].height, found.dearest.amount) == (0, 0)
