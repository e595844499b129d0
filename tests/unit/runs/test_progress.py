"""What may be done with a run, and how long it takes."""

import pytest

from runs.models import Run, RunItem
from runs.reads.eta import duration_text, expected_ms
from runs.reads.items import remaining_ms, stage_percent
from runs.reads.progress import RunProgress
from runs.states import FINAL, TRANSITIONS, RunStatus


def _controls(
    status: RunStatus, *, can_retry: bool = False, may_control: bool = True
) -> tuple[str, ...]:
    run = Run(status=status)
    return RunProgress(run=run, can_retry=can_retry, may_control=may_control).controls


@pytest.mark.parametrize("status", RunStatus)
def test_controls_are_moves_that_the_table_allows(status: RunStatus) -> None:
    controls = _controls(status)
    assert ("cancel" in controls) == (RunStatus.CANCELLED in TRANSITIONS[status])
    assert ("pause" in controls) == (RunStatus.PAUSED in TRANSITIONS[status])
    assert ("resume" in controls) == (status == RunStatus.PAUSED)
    assert "retry-failed" not in controls


@pytest.mark.parametrize("status", RunStatus)
def test_only_a_run_that_is_over_is_retried(status: RunStatus) -> None:
    assert ("retry-failed" in _controls(status, can_retry=True)) == (status in FINAL)


@pytest.mark.parametrize("status", RunStatus)
def test_who_may_only_read_controls_nothing(status: RunStatus) -> None:
    assert _controls(status, can_retry=True, may_control=False) == ()


def test_an_epic_that_waits_for_its_next_attempt_shows_nothing_of_the_last_one() -> None:
    waits = RunItem(status="PENDING", stage="", stage_percent=60, remaining_ms=9000)
    assert (stage_percent(waits), remaining_ms(waits)) == (0, None)
    works = RunItem(status="GENERATING", stage="storage", stage_percent=98, remaining_ms=9)
    assert (stage_percent(works), remaining_ms(works)) == (98, 9)
    failed = RunItem(status="FAILED", stage="storage", stage_percent=98, remaining_ms=9)
    assert (stage_percent(failed), remaining_ms(failed)) == (98, None)


@pytest.mark.parametrize(
    ("epics", "lanes", "expected"),
    [(1, 1, 20_000), (2, 1, 43_000), (20, 1, 457_000), (16, 5, 89_000), (3, 10, 20_000)],
)
def test_a_runs_expected_duration(epics: int, lanes: int, expected: int) -> None:
    found = expected_ms(epics=epics, lanes=lanes, delay_ms=3000, epic_ms=20_000)
    assert found == expected


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0.0 s"),
        (749, "0.7 s"),
        (10_400, "10 s"),
        (99_000, "99 s"),
        (100_000, "2 min"),
        (3_599_000, "1 h 0 min"),
        (7_800_000, "2 h 10 min"),
    ],
)
def test_durations_in_words(milliseconds: int, text: str) -> None:
    assert duration_text(milliseconds) == text
