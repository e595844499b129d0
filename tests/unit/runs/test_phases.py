"""Each phase of a run, from what its lanes and epics do."""

from typing import Any

import pytest

from runs.reads.phases import RunActivity, phase_of
from runs.states import RunPhase


def doing(**changes: Any) -> RunActivity:
    """A run of four epics that two lanes generate."""
    before = {
        "status": "RUNNING",
        "ended": False,
        "draining": False,
        "lanes_out": 2,
        "generating": 2,
        "stages": ["component-generation"],
        "over": 1,
        "left": 3,
    }
    return RunActivity(**{**before, **changes})


_QUEUED = {"status": "QUEUED", "generating": 0, "stages": [], "over": 0, "left": 4}
_LAST = {"left": 1, "generating": 1, "over": 3}
_NOTHING = {"generating": 0, "stages": []}


_PHASES: list[tuple[dict[str, Any], str]] = [
    ({**_QUEUED, "lanes_out": 0}, "INITIALIZING"),
    (_QUEUED, "QUEUEING_EPICS"),
    ({**_QUEUED, "generating": 1, "stages": ["validation"]}, "LOADING_CONTENT"),
    ({"stages": ["validation", "context-building"], "over": 0}, "LOADING_CONTENT"),
    ({"stages": ["validation", "component-generation"], "over": 0}, "GENERATING_STORIES"),
    ({"stages": ["validation"]}, "GENERATING_STORIES"),
    ({}, "GENERATING_STORIES"),
    ({**_NOTHING, "lanes_out": 2}, "GENERATING_STORIES"),
    ({"stages": ["storage"]}, "GENERATING_STORIES"),
    ({**_LAST, "stages": ["quality-validation"]}, "GENERATING_STORIES"),
    ({**_LAST, "stages": ["storage", "post-processing"]}, "SAVING_RESULTS"),
    ({**_NOTHING, "left": 0, "over": 4}, "FINALIZING"),
    ({**_NOTHING, "status": "PAUSED"}, "GENERATING_STORIES"),
    ({**_NOTHING, "status": "PAUSED", "left": 0, "over": 4}, "GENERATING_STORIES"),
    ({"status": "CANCELLED", "draining": True}, "GENERATING_STORIES"),
    ({"status": "CANCELLED", "draining": True, "stages": ["storage"]}, "SAVING_RESULTS"),
    ({**_NOTHING, "status": "CANCELLED", "draining": True}, "FINALIZING"),
    ({**_NOTHING, "status": "CANCELLED", "ended": True}, "COMPLETED"),
    ({**_NOTHING, "status": "SUCCEEDED", "ended": True}, "COMPLETED"),
    ({**_NOTHING, "status": "COMPLETED_WITH_ERRORS", "ended": True}, "COMPLETED"),
    ({**_NOTHING, "status": "FAILED", "ended": True}, "FAILED"),
    ({"status": "FAILED", "draining": True}, "FAILED"),
]


@pytest.mark.parametrize(("changes", "phase"), _PHASES)
def test_the_phase_of_a_run(changes: dict[str, Any], phase: str) -> None:
    assert phase_of(doing(**changes)) == phase


def test_every_phase_of_a_type_that_runs_is_told() -> None:
    told = {phase for _, phase in _PHASES}
    assert told == set(RunPhase) - {RunPhase.ANALYZING, RunPhase.GENERATING}


@pytest.mark.parametrize("making", [RunPhase.ANALYZING, RunPhase.GENERATING])
def test_of_other_kinds_the_phase_in_between_is_theirs(making: RunPhase) -> None:
    for changes, phase in _PHASES:
        own = making if phase == RunPhase.GENERATING_STORIES else phase
        assert phase_of(doing(**changes, making=making)) == own
