"""Runs: how they start, stand still and end, and who wins when several try at once."""

from collections.abc import Iterator

import pytest
from django.db import IntegrityError
from django.utils.timezone import now
from pytest_django.fixtures import Settings

from batchgen.db.ids import new_id
from batchgen.errors import RunAlreadyActive, ValidationFailed
from runs.engine.lanes import lanes_dispatch
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_break_circuit, run_finalize
from runs.models import Run, RunItem, RunLog
from runs.states import ACTIVE, FINAL, TRANSITIONS, ItemStatus, RunStatus, sources_of
from tests.integration.engine.world import World, assert_counted, halt, project_make
from tests.threads import race

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_many_starts_at_once_one_wins_and_the_others_learn_which() -> None:
    project = project_make()
    start = lambda: run_start(project=project, user=None, options=RunOptions())  # noqa: E731  # raced
    results = race(*[start] * 8)
    (run,) = [result for result in results if isinstance(result, Run)]
    refused = [result for result in results if isinstance(result, RunAlreadyActive)]
    assert len(refused) == 7
    assert {error.details["runId"] for error in refused} == {str(run.id)}
    assert RunItem.objects.count() == 3


def test_a_run_may_start_again_once_the_last_one_ended() -> None:
    world = World.make(epics=1)
    halt(run_id=world.run.id, to=RunStatus.CANCELLED, message="Cancelled.")
    assert run_start(project=world.run.project, user=None, options=RunOptions())


def test_epics_are_taken_by_priority_then_by_their_place() -> None:
    project = project_make(epics=4)
    project.epics.filter(code="E3").update(priority=1)
    project.epics.filter(code="E4").update(priority=2)
    run = run_start(project=project, user=None, options=RunOptions())
    assert list(run.items.order_by("order").values_list("code", flat=True)) == [
        "E3",
        "E4",
        "E1",
        "E2",
    ]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (RunOptions(target_ids=[]), "epicIds"),
        (RunOptions(target_ids=[new_id()]), "epicIds"),
        (RunOptions(type="GENERATE_STORIES"), "epicIds"),
    ],
)
def test_a_start_that_makes_no_sense_changes_nothing(options: RunOptions, field: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        run_start(project=project_make(), user=None, options=options)
    assert field in caught.value.details
    assert Run.objects.count() == RunItem.objects.count() == RunLog.objects.count() == 0


def _runs_in(status: RunStatus) -> Iterator[Run]:
    run = World.make(epics=1, begin=False).run
    Run.objects.filter(id=run.id).update(
        status=status, completed_at=now() if status in FINAL else None
    )
    yield run


@pytest.mark.parametrize("source", list(RunStatus))
@pytest.mark.parametrize("target", [RunStatus.PAUSED, RunStatus.CANCELLED, RunStatus.FAILED])
def test_halting_follows_the_transition_table(source: RunStatus, target: RunStatus) -> None:
    (run,) = _runs_in(source)
    allowed = target in TRANSITIONS[source]
    in_flight = halt(run_id=run.id, to=target, message="Halt.")
    assert (in_flight is not None) == allowed
    assert Run.objects.get(id=run.id).status == (target if allowed else source)


@pytest.mark.parametrize("source", list(RunStatus))
def test_beginning_follows_the_transition_table(source: RunStatus) -> None:
    (run,) = _runs_in(source)
    assert run_begin(run_id=run.id) == (source == RunStatus.QUEUED)


def test_sources_and_targets_say_the_same() -> None:
    for target in RunStatus:
        assert set(sources_of(target)) == {s for s in RunStatus if target in TRANSITIONS[s]}
    assert set(ACTIVE) | set(FINAL) == set(RunStatus)


def test_of_many_halts_at_once_one_wins() -> None:
    world = World.make()
    halts = race(*[lambda: halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Pause.")] * 16)
    assert sum(halt is not None for halt in halts) == 1
    assert RunLog.objects.filter(message="Pause.").count() == 1


@pytest.mark.parametrize(
    ("ends", "status", "code"),
    [
        (["COMPLETED", "COMPLETED"], "SUCCEEDED", ""),
        (["COMPLETED", "SKIPPED"], "SUCCEEDED", ""),
        (["COMPLETED", "FAILED"], "COMPLETED_WITH_ERRORS", ""),
        (["SKIPPED", "FAILED"], "COMPLETED_WITH_ERRORS", ""),
        (["FAILED", "FAILED"], "FAILED", "ALL_EPICS_FAILED"),
    ],
)
def test_the_epics_decide_how_a_run_ends(ends: list[str], status: str, code: str) -> None:
    world = World.make(epics=2, lanes=1)
    for end in ends:
        assert run_finalize(run_id=world.run.id) is None
        step = world.claim()
        assert step
        world.finish(step, status=ItemStatus(end))
    assert run_finalize(run_id=world.run.id) == status
    run = Run.objects.get(id=world.run.id)
    assert (run.status, run.error_code) == (status, code)
    assert run.completed_at
    assert_counted(run)


def test_of_many_that_end_a_run_one_wins() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    world.finish(step)
    ends = race(*[lambda: run_finalize(run_id=world.run.id)] * 8)
    assert sorted(map(str, ends)) == ["None"] * 7 + ["SUCCEEDED"]
    assert RunLog.objects.filter(message__startswith="SUCCEEDED").count() == 1


def test_a_cancelled_run_ends_with_its_last_call() -> None:
    world = World.make(epics=3, lanes=2)
    steps = [world.claim(fence) for fence in world.fences()]
    assert halt(run_id=world.run.id, to=RunStatus.CANCELLED, message="Cancelled.") == 2
    for step in steps:
        run = Run.objects.get(id=world.run.id)
        assert (run.status, run.draining, run.completed_at) == ("CANCELLED", True, None)
        assert step
        assert world.finish(step)
        run_finalize(run_id=world.run.id)
    run = Run.objects.get(id=world.run.id)
    assert (run.status, run.draining) == ("CANCELLED", False)
    assert run.completed_at
    assert RunItem.objects.get(run=run, code="E3").status == ItemStatus.PENDING
    assert lanes_dispatch(run_id=run.id) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "SUCCEEDED"},
        {"completed_at": "2026-01-01T00:00:00Z"},
        {"draining": True},
        {"max_concurrency": 0},
    ],
)
def test_the_database_refuses_runs_that_contradict_themselves(wrong: dict[str, object]) -> None:
    run = World.make().run
    with pytest.raises(IntegrityError):
        Run.objects.filter(id=run.id).update(**wrong)


def _fail(world: World, *codes: str) -> None:
    for code in codes:
        step = world.claim()
        assert step
        world.finish(step, status=ItemStatus.FAILED if code else ItemStatus.COMPLETED)
        if code:
            RunItem.objects.filter(id=step.fence.item_id).update(error_code=code)
            run_break_circuit(run_id=world.run.id, error_code=code)


@pytest.mark.parametrize(
    ("codes", "paused"),
    [
        (["A", "A", "A"], True),
        (["A", "A", "", "A"], False),
        (["A", "A", "B"], False),
        (["", "A", "A", "A"], True),
    ],
)
def test_many_like_failures_in_a_row_pause_the_run(
    codes: list[str], paused: bool, settings: Settings
) -> None:
    settings.FAILURES_IN_A_ROW = 3
    world = World.make(epics=9, lanes=1)
    _fail(world, *codes)
    run = Run.objects.get(id=world.run.id)
    assert (run.status == "PAUSED") == paused
    assert run.error_code == ("FAILURES_IN_A_ROW" if paused else "")


def test_a_run_without_epics_to_spare_ends_instead_of_pausing(settings: Settings) -> None:
    settings.FAILURES_IN_A_ROW = 2
    world = World.make(epics=2, lanes=1)
    _fail(world, "A", "A")
    assert run_finalize(run_id=world.run.id) == RunStatus.FAILED
