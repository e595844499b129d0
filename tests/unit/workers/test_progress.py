"""How far an attempt is, by the clock that the test holds."""

import pytest

from content.pipeline import StageBegun
from runs.states import ItemStage
from workers.progress import CallGroup, CallTimes, Progress, RoundRobin

GROUP: CallGroup = ("claude", "standard generate")


class Clock:
    """Seconds, as the test says."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def times() -> CallTimes:
    return CallTimes()


def percents(progress: Progress, clock: Clock, *, step_s: float, steps: int) -> list[int]:
    """What it says as the time goes on."""
    found = []
    for _ in range(steps):
        found.append(progress.reached().stage_percent)
        clock.now += step_s
    return found


def test_each_stage_begins_further_on(clock: Clock, times: CallTimes) -> None:
    progress = Progress(times, clock)
    found = []
    for stage in ItemStage:
        progress.enter(StageBegun(name=stage))
        found.append(progress.reached().stage_percent)
    assert found == sorted(set(found))
    assert found[0] == 0
    assert found[-1] < 100


def test_a_call_goes_on_evenly_and_never_stands_at_its_end(clock: Clock, times: CallTimes) -> None:
    times.learn(GROUP, 10.0)
    progress = Progress(times, clock)
    progress.enter(StageBegun(name="component-generation"))
    with progress.call(GROUP):
        expected = percents(progress, clock, step_s=1, steps=11)
        assert expected == sorted(set(expected))
        assert max(expected) - min(expected) > 60
        late = percents(progress, clock, step_s=10, steps=20)
        assert late == sorted(late)
        assert late[-1] < 85
    after = progress.reached().stage_percent
    assert after >= late[-1]
    progress.enter(StageBegun(name="template-assembly"))
    assert progress.reached().stage_percent > after


def test_a_second_call_of_a_stage_does_not_go_back(clock: Clock, times: CallTimes) -> None:
    progress = Progress(times, clock)
    progress.enter(StageBegun(name="component-generation"))
    with progress.call(GROUP):
        clock.now += 10
    before = progress.reached().stage_percent
    with progress.call(("claude", "standard enlarge")):
        assert progress.reached().stage_percent == before


def test_what_is_left_is_told_once_such_calls_are_known(clock: Clock, times: CallTimes) -> None:
    progress = Progress(times, clock)
    progress.enter(StageBegun(name="component-generation"))
    with progress.call(GROUP):
        clock.now += 8
        assert progress.reached().remaining_ms is None
    assert times.expected_s(GROUP) == 8
    with progress.call(GROUP):
        clock.now += 2
        early = progress.reached().remaining_ms
        clock.now += 4
        later = progress.reached().remaining_ms
        clock.now += 40
        late = progress.reached().remaining_ms
    assert early is not None
    assert later is not None
    assert early > later > 0
    assert late is not None
    assert late > 0
    assert progress.reached().remaining_ms is None


def test_calls_that_were_not_answered_teach_nothing(clock: Clock, times: CallTimes) -> None:
    progress = Progress(times, clock)

    def fail() -> None:
        with progress.call(GROUP):
            clock.now += 300
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fail()
    assert times.expected_s(GROUP) is None


def test_the_expected_time_follows_the_calls(times: CallTimes) -> None:
    times.learn(GROUP, 10)
    for _ in range(30):
        times.learn(GROUP, 20)
    expected = times.expected_s(GROUP)
    assert expected is not None
    assert 19 < expected < 20
    assert times.expected_s(("claude", "concise generate")) is None


def test_each_stage_is_timed_by_itself(clock: Clock, times: CallTimes) -> None:
    progress = Progress(times, clock)
    progress.enter(StageBegun(name="validation"))
    clock.now += 0.001
    progress.enter(StageBegun(name="context-building", notes=("shortened",)))
    clock.now += 0.25
    failed = progress.failed()
    assert failed.stage_ms == {"validation": 1, "context-building": 250}
    assert failed.notes == ("shortened",)
    assert progress.reached().stage_ms == {"validation": 1}
    progress.enter(StageBegun(name="storage", skipped=("quality-validation",)))
    assert progress.reached().stage_ms == failed.stage_ms
    assert progress.reached().skipped_stages == ("quality-validation",)


def test_an_attempt_that_fails_before_its_first_stage_took_no_time(
    clock: Clock, times: CallTimes
) -> None:
    progress = Progress(times, clock)
    clock.now += 1
    assert progress.failed().stage_ms == {}


def test_each_of_many_has_its_turn() -> None:
    turns: RoundRobin[int] = RoundRobin(3)
    assert turns.some([1, 2, 3]) == [1, 2, 3]
    every = list(range(8))
    assert [turns.some(every) for _ in range(4)] == [[0, 1, 2], [3, 4, 5], [6, 7, 0], [1, 2, 3]]
    assert turns.some(every[:5]) == [4, 0, 1]
