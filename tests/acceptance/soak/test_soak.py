"""How samples are judged. `make soak` takes them."""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import pytest

from tests.acceptance.soak.reading import Reading, slope_of, violations_of
from tests.acceptance.soak.samples import HEAD, process_figures

_KEEP_S = 600
#: A value by the hours since the start.
ValueAt = Callable[[float], float]


def violations(path: Path, series: Mapping[tuple[str, str], ValueAt]) -> list[str]:
    """What is violated by samples of each minute of two hours, by their subjects and measures."""
    lines = [",".join(HEAD), f"0,plan,keep_s,{_KEEP_S}"]
    for second in range(0, 7200, 60):
        lines += [
            f"{second},{subject},{measure},{value_at(second / 3600)}"
            for (subject, measure), value_at in series.items()
        ]
    file = path / "samples.csv"
    file.write_text("\n".join(lines))
    return violations_of(Reading.of(file))


def noisy(value_at: ValueAt, *, size: float = 1.0) -> ValueAt:
    """With chance on top."""
    random = Random(7)
    return lambda hour: value_at(hour) + random.gauss(0, size)


class TestSlope:
    def test_a_line_is_found_in_noise(self) -> None:
        value_at = noisy(lambda hour: 100 + 5 * hour, size=2)
        slope = slope_of([(60.0 * i, value_at(i / 60)) for i in range(105)])
        assert slope.per_h == pytest.approx(5, abs=3 * slope.error)
        assert slope.is_certain

    def test_what_only_wanders_is_no_slope(self) -> None:
        """Neighbours that are alike are not as many samples as they seem."""
        points = [(60.0 * i, 100 - 3 * math.sin(i / 20)) for i in range(105)]
        assert not slope_of(points).is_certain

    def test_a_flat_line_has_none(self) -> None:
        slope = slope_of([(60.0 * i, 100.0) for i in range(10)])
        assert (slope.per_h, slope.is_certain) == (0, False)


@pytest.mark.parametrize(
    ("subject", "rss", "leaks"),
    [
        pytest.param("worker w1", lambda h: 110 + 6 * h, True, id="grows"),
        pytest.param("worker w1", lambda h: 110 + 2 * h, False, id="settles"),
        pytest.param("beat", lambda h: 60 + 40 * min(h, 0.2), False, id="grows as it begins"),
        pytest.param("simulator", lambda h: 60 + 90 * h, False, id="no part of the product"),
    ],
)
def test_memory_that_grows_is_a_leak(
    tmp_path: Path, subject: str, rss: ValueAt, leaks: bool
) -> None:
    found = violations(tmp_path, {(subject, "rss_mib"): noisy(rss), (subject, "pid"): lambda _: 17})
    assert [told.split(" grows")[0] for told in found] == ([f"memory: {subject}"] if leaks else [])


def test_of_a_process_that_was_replaced_the_present_one_counts(tmp_path: Path) -> None:
    series = {
        ("web 1", "pid"): lambda hour: 17 if hour < 1 else 18,
        ("web 1", "rss_mib"): noisy(lambda hour: 100 + 50 * (hour if hour < 1 else 0)),
    }
    assert violations(tmp_path, series) == []


@pytest.mark.parametrize(
    ("rows", "bounded"),
    [
        pytest.param(lambda h: min(h * 3600, _KEEP_S), True, id="kept for ten minutes"),
        pytest.param(lambda h: h * 3600, False, id="never deleted"),
        pytest.param(lambda h: min(h * 3600, _KEEP_S) + h * 400, False, id="a tenth is left"),
        pytest.param(lambda h: 5 + 8 * h, True, id="a few that come and go"),
        pytest.param(lambda h: 700 + 500 * math.sin(4 * h + 2), True, id="in waves"),
    ],
)
def test_a_table_is_bounded_where_it_grows_no_more_once_rows_are_old(
    tmp_path: Path, rows: ValueAt, bounded: bool
) -> None:
    """The ledger is kept for good."""
    series = {
        ("table runs_run", "rows"): rows,
        ("table runs_ledgerline", "rows"): lambda hour: 9000 * hour,
    }
    assert [told.split()[1] for told in violations(tmp_path, series)] == ["runs_run"] * (
        not bounded
    )


def test_a_figure_is_taken_of_a_process() -> None:
    mine = process_figures(os.getpid())
    assert mine["rss_mib"] >= mine["uss_mib"] > 1
    assert mine["fds"] >= 3
    assert mine["threads"] >= 1
