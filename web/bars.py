"""A chart of amounts by day, as bars. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

#: Days that one chart shows at most: the last ones.
MOST_DAYS = 92
#: Units of the drawing: of a day, of its bar, and of the highest bar.
_DAY, _BAR, _HIGH = 10, 8, 100
#: What is seen of a day on which little was spent.
_LEAST = 1


@dataclass(frozen=True, slots=True)
class Bar:
    """One day's, by its place in the drawing."""

    day: date
    amount: int
    left: int
    height: int

    @property
    def top(self) -> int:
        return _HIGH - self.height


@dataclass(frozen=True, kw_only=True, slots=True)
class Bars:
    """The days up to the last one on which something was spent."""

    bars: list[Bar]
    first: date
    last: date
    dearest: Bar
    bar_width: int = _BAR
    high: int = _HIGH

    @property
    def width(self) -> int:
        return _DAY * ((self.last - self.first).days + 1)


def bars_of(amounts: Mapping[date, int]) -> Bars | None:
    """Of what was spent on each day, where anything was; amounts are not negative."""
    last = max(amounts, default=None)
    if last is None:
        return None
    first = max(min(amounts), last - timedelta(days=MOST_DAYS - 1))
    most = max(amount for day, amount in amounts.items() if day >= first)
    bars = [
        Bar(
            day=day,
            amount=amount,
            left=_DAY * (day - first).days,
            height=max(_LEAST, round(_HIGH * amount / most)) if amount else 0,
        )
        for day, amount in sorted(amounts.items())
        if day >= first
    ]
    dearest = max(bars, key=lambda bar: (bar.amount, bar.day))
    return Bars(bars=bars, first=first, last=last, dearest=dearest)
