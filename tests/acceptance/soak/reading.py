"""What a CSV of samples says, of a soak that is over or goes on: slopes, bounds, a verdict."""

import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

#: (seconds, value), in order.
Series = Sequence[tuple[float, float]]

#: A slope beyond this, in MiB an hour, is a leak where it is no chance: a worker of 200 MiB would
#: meet the chart's limit of 1 GiB after nine days, which is longer than most live. What allocators
#: still settle within two hours has been less.
LEAK_MIB_H = 4.0
#: A slope is no chance when it is so many standard errors above 0.
_ERRORS = 3.0
#: Memory is looked at after the first quarter hour, or quarter of a short soak.
_WARM_UP_S, _WARM_UP_SHARE = 900.0, 0.25
#: Rows are looked at once what is kept has been kept so often.
_KEPT_TIMES = 2.0
#: The later half may have so much more than the half before, and so many rows more.
_MORE, _ROWS = 1.25, 30
#: Memory that was looked at for a shorter time is not judged.
_JUDGED_S = 1800.0
#: Fewer samples say nothing.
_LEAST = 6
#: Whose memory is judged: no fault ends these.
LASTING = ("worker w1", "web 1", "beat")
#: Tables that only grow, and why: no clean-up is to bound them.
KEPT = {
    "runs_ledgerline": "the books: a line for each call, for good",
    "runs_budget": "the books: what was spent of each limit",
    "runs_gateaction": "who closed a gate: for good",
    "django_migrations": "a row for each migration",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Slope:
    """A straight line through samples, by least squares.

    Attributes:
        per_h: by so much it rises in an hour.
        error: the standard error of that, with what neighbours have in common taken into account.
    """

    per_h: float
    error: float

    @property
    def is_certain(self) -> bool:
        """It rises, and not by chance."""
        return self.per_h > _ERRORS * self.error


def slope_of(points: Series) -> Slope:
    """The line through at least three points."""
    hours = [at / 3600 for at, _ in points]
    values = [value for _, value in points]
    count = len(points)
    mid_h, mid = sum(hours) / count, sum(values) / count
    spread = sum((hour - mid_h) ** 2 for hour in hours)
    pairs = zip(hours, values, strict=True)
    per_h = sum((hour - mid_h) * (value - mid) for hour, value in pairs) / spread
    off = [v - mid - per_h * (h - mid_h) for h, v in zip(hours, values, strict=True)]
    squares = sum(each**2 for each in off)
    alike = sum(a * b for a, b in pairwise(off)) / squares if squares else 0.0
    alike = min(max(alike, 0.0), 0.95)
    error = math.sqrt(squares / (count - 2) / spread * (1 + alike) / (1 - alike))
    return Slope(per_h=per_h, error=error)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The samples, by what they are of and what they are."""

    series: dict[str, dict[str, list[tuple[float, float]]]]

    @classmethod
    def of(cls, path: Path) -> "Reading":
        """Read a CSV, whole or so far."""
        series: dict[str, dict[str, list[tuple[float, float]]]] = {}
        with path.open(newline="") as file:
            for line in csv.DictReader(file):
                point = (float(line["second"]), float(line["value"]))
                measures = series.setdefault(line["subject"], defaultdict(list))
                measures[line["measure"]].append(point)
        return cls(series=series)

    @property
    def seconds(self) -> float:
        """How long it has gone on."""
        return max(
            at for measures in self.series.values() for p in measures.values() for at, _ in p
        )

    @property
    def keep_s(self) -> float:
        """How long what is kept for a time is kept."""
        return self.series["plan"]["keep_s"][0][1]

    @property
    def warm_s(self) -> float:
        """From when on memory counts."""
        return min(_WARM_UP_S, self.seconds * _WARM_UP_SHARE)

    def last_life(self, name: str) -> list[tuple[float, float]]:
        """When the present process of this name was looked at, with its id."""
        pids = self.series[name]["pid"]
        return [list(life) for _, life in groupby(pids, key=lambda point: point[1])][-1]

    def warm(self, name: str, measure: str) -> list[tuple[float, float]]:
        """Samples of the present process after the warm-up."""
        begun = max(self.warm_s, self.last_life(name)[0][0])
        return [point for point in self.series[name][measure] if point[0] >= begun]

    def tables(self) -> list[str]:
        """Their names."""
        return sorted(name[6:] for name in self.series if name.startswith("table "))


def is_bounded(points: Series, *, since: float) -> bool | None:
    """Whether there are not clearly more rows in the later half of the time; None: too early.

    What work is drawn comes in waves, so that rows rise for a while: they have to rise all the
    time, too.
    """
    counted = [(at, value) for at, value in points if at >= since]
    if len(counted) < 2 * _LEAST:
        return None
    middle = len(counted) // 2
    before, after = (median(v for _, v in part) for part in (counted[:middle], counted[middle:]))
    return after <= before * _MORE + _ROWS or not slope_of(counted).is_certain


def violations_of(reading: Reading) -> list[str]:
    """What leaks, and what is not bounded."""
    found = []
    for name in (name for name in LASTING if name in reading.series):
        points = reading.warm(name, "rss_mib")
        if len(points) >= _LEAST and points[-1][0] - points[0][0] >= _JUDGED_S:
            slope = slope_of(points)
            if slope.per_h > LEAK_MIB_H and slope.is_certain:
                told = f"{slope.per_h:.1f} ± {slope.error:.1f} MiB/h"
                found.append(f"memory: {name} grows by {told}, allowed are {LEAK_MIB_H:g}")
    for table in reading.tables():
        points = reading.series[f"table {table}"]["rows"]
        if table not in KEPT and is_bounded(points, since=_settled_s(reading)) is False:
            found.append(f"table: {table} grows to {points[-1][1]:.0f} rows, and nothing bounds it")
    return found


def show(reading: Reading, console: Console) -> None:
    """Print both tables, and how late live events were."""
    console.print(_processes(reading))
    console.print(_tables(reading))
    _show_lag(reading, console)


def _settled_s(reading: Reading) -> float:
    return reading.keep_s * _KEPT_TIMES


def _processes(reading: Reading) -> Table:
    table = Table(title=f"memory, {reading.seconds / 60:.0f} min")
    for name in ("process", f"MiB at {reading.warm_s / 60:.0f} min", "at the end"):
        table.add_column(name, justify="left" if name == "process" else "right")
    for name in ("MiB/h (RSS)", "MiB/h (own)", "descriptors", "threads", "starts"):
        table.add_column(name, justify="right")
    for name in sorted(name for name in reading.series if "rss_mib" in reading.series[name]):
        warm = reading.warm(name, "rss_mib")
        if warm:
            measures = reading.series[name]
            table.add_row(
                name,
                f"{warm[0][1]:.1f}",
                f"{warm[-1][1]:.1f}",
                _told_slope(warm),
                _told_slope(reading.warm(name, "uss_mib")),
                f"{measures['fds'][0][1]:.0f} to {measures['fds'][-1][1]:.0f}",
                f"{measures['threads'][0][1]:.0f} to {measures['threads'][-1][1]:.0f}",
                str(len({pid for _, pid in measures["pid"]})),
            )
    used = reading.series.get("redis", {}).get("used_mib", [])
    if used:
        ends = (f"{used[len(used) // 8][1]:.1f}", f"{used[-1][1]:.1f}")
        table.add_row("redis (used)", *ends, _told_slope(used[len(used) // 8 :]))
    return table


def _told_slope(points: Series) -> str:
    if len(points) < _LEAST:
        return ""
    slope = slope_of(points)
    return f"{slope.per_h:+.2f} ± {slope.error:.2f}"


def _tables(reading: Reading) -> Table:
    table = Table(title=f"rows, {reading.keep_s:.0f} s kept")
    for name in ("table", "most", "at the end", "kB at the end", "bounded"):
        table.add_column(name, justify="right" if "end" in name or name == "most" else "left")
    for name in reading.tables():
        rows = reading.series[f"table {name}"]["rows"]
        if not any(value for _, value in rows):
            continue
        bounded = is_bounded(rows, since=_settled_s(reading))
        table.add_row(
            name,
            f"{max(value for _, value in rows):.0f}",
            f"{rows[-1][1]:.0f}",
            f"{reading.series[f'table {name}']['kib'][-1][1]:.0f}",
            KEPT.get(name) or {True: "yes", False: "NO", None: "too early"}[bounded],
        )
    return table


def _show_lag(reading: Reading, console: Console) -> None:
    """Of each minute the mean: who comes back to a run that nobody watched gets old news."""
    measures = reading.series.get("web 1", {})
    counts, sums = measures.get("lag_count", []), measures.get("lag_sum", [])
    late_ms = [
        1000 * (sum_after - sum_before) / (after - before)
        for ((_, before), (_, after)), ((_, sum_before), (_, sum_after)) in zip(
            pairwise(counts), pairwise(sums), strict=True
        )
        if after > before
    ]
    if late_ms:
        told = f"late by {median(late_ms):.0f} ms, at most {max(late_ms):.0f} in one minute's mean"
        console.print(f"Live events: {counts[-1][1]:.0f}, {told}.")
