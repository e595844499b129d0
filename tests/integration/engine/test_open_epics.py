"""An epic is open in one run at most (I13), however starts, ends and cancels cross."""

import random
from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from batchgen.errors import ItemAlreadyActive, RunAlreadyActive
from epics.models import Epic, Project
from epics.services import epic_delete, project_delete
from runs.engine.controls import run_control, run_item_cancel, run_retry
from runs.engine.lanes import lanes_reclaim
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_finalize
from runs.models import Lane, OpenTarget, Run, RunAction, RunItem, RunLog, Worker
from runs.states import ItemStatus, RunStatus
from tests.integration.engine import hands
from tests.integration.engine.world import (
    Step,
    World,
    assert_counted,
    assert_open,
    halt,
    project_make,
)
from tests.threads import elsewhere, race

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("grouping")]


@pytest.fixture
def dana() -> User:
    return User.objects.create(username="dana", is_staff=True)


def _ids(project: Project, *codes: str) -> list[UUID]:
    return list(Epic.objects.filter(project=project, code__in=codes).values_list("pk", flat=True))


def _start(project: Project, *codes: str, kind: str = "GENERATE_STORIES") -> Run:
    epic_ids = _ids(project, *codes) if codes else None
    return run_start(project=project, user=None, options=RunOptions(type=kind, target_ids=epic_ids))


def _start_all(project: Project, *codes: str) -> Run:
    return _start(project, *codes, kind="GENERATE_ALL_STORIES")


def _codes(run: Run) -> set[str]:
    return set(RunItem.objects.filter(run=run).values_list("code", flat=True))


class TestStart:
    def test_runs_over_different_epics_are_active_at_once(self) -> None:
        project = project_make(epics=4)
        runs = [_start(project, "E1"), _start(project, "E2"), _start_all(project, "E3", "E4")]
        assert Run.objects.filter(status="QUEUED").count() == len(runs)
        assert_open()

    @pytest.mark.parametrize("first", ["GENERATE_STORIES", "GENERATE_ALL_STORIES"])
    def test_an_epic_of_another_run_is_refused_by_name(self, first: str) -> None:
        project = project_make(epics=4)
        run = _start(project, "E2", kind=first)
        with pytest.raises(ItemAlreadyActive) as caught:
            _start(project, "E2")
        assert caught.value.details == {"E2": str(run.pk)}
        assert "includes E2. Wait" in caught.value.message
        assert Run.objects.count() == RunAction.objects.count() == RunItem.objects.count() == 1
        assert_open()

    def test_all_that_are_in_the_way_are_named(self) -> None:
        project = project_make(epics=4)
        runs = {code: str(_start(project, code).pk) for code in ("E2", "E3")}
        with pytest.raises(ItemAlreadyActive) as caught:
            _start_all(project, "E1", "E2", "E3")
        assert caught.value.details == runs

    def test_an_epics_code_may_be_any_word(self) -> None:
        project = project_make(epics=1)
        Epic.objects.update(code="message")
        run = _start(project, "message")
        with pytest.raises(ItemAlreadyActive) as caught:
            _start(project, "message")
        assert caught.value.details == {"message": str(run.pk)}

    def test_where_all_are_asked_for_open_ones_are_left_out(self) -> None:
        project = project_make(epics=4)
        one = _start(project, "E2")
        run = _start_all(project)
        assert (_codes(run), run.total_items) == ({"E1", "E3", "E4"}, 3)
        assert RunAction.objects.get(run=run).details == {
            "epics": 3,
            "leftOut": {"E2": str(one.pk)},
        }
        assert RunLog.objects.get(run=run, level="warning").message.endswith("include them: E2.")
        assert_open()

    def test_where_none_is_left_it_is_refused(self) -> None:
        project = project_make(epics=2)
        runs = {code: str(_start(project, code).pk) for code in ("E1", "E2")}
        with pytest.raises(ItemAlreadyActive) as caught:
            _start_all(project)
        assert caught.value.details == runs
        assert Run.objects.count() == 2

    def test_another_active_run_of_the_type_is_what_is_told_first(self) -> None:
        project = project_make(epics=2)
        run = _start_all(project)
        with pytest.raises(RunAlreadyActive) as caught:
            _start_all(project)
        assert caught.value.details == {"runId": str(run.pk)}

    def test_the_database_holds_it(self) -> None:
        project = project_make(epics=2)
        _start(project, "E1")
        other = _start(project, "E2")
        epic = Epic.objects.get(code="E1")
        with pytest.raises(IntegrityError, match="runs_opentarget_pkey"):
            OpenTarget.objects.create(run=other, kind="stories", target_id=epic.pk)


def _finish(status: ItemStatus) -> Callable[[World, Step], object]:
    return lambda world, step: world.finish(step, status=status)


def _give_back(_: World, step: Step) -> None:
    assert hands.give_back(
        fence=step.fence, call_id=step.call_id, reason="backoff", message="", wait_s=9, refund=True
    )


def _reclaim(*_: object) -> None:
    Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
    assert lanes_reclaim()


def _poison(world: World, step: Step) -> None:
    RunItem.objects.filter(id=step.fence.item_id).update(crashes=9)
    _reclaim()
    assert world.epic(step).error_code == "POISON"


_ENDS: dict[str, Callable[[World, Step], object]] = {
    "completed": _finish(ItemStatus.COMPLETED),
    "failed": _finish(ItemStatus.FAILED),
    "skipped": _finish(ItemStatus.SKIPPED),
    "given back": _give_back,
    "taken back": _reclaim,
    "poison": _poison,
}


class TestUntil:
    @pytest.mark.parametrize("end", _ENDS)
    def test_an_active_run_keeps_all_its_epics(self, end: str, dana: User) -> None:
        world = World.make(epics=3, lanes=1)
        step = world.claim()
        assert step
        _ENDS[end](world, step)
        run_item_cancel(item=RunItem.objects.get(code="E3"), user=dana)
        halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Pause.")
        assert OpenTarget.objects.count() == 3
        with pytest.raises(ItemAlreadyActive):
            _start(world.run.project, "E1")

    @pytest.mark.parametrize("to", [RunStatus.CANCELLED, RunStatus.FAILED])
    @pytest.mark.parametrize("end", _ENDS)
    def test_one_that_is_draining_keeps_what_is_generated(self, end: str, to: RunStatus) -> None:
        world = World.make(epics=4, lanes=2)
        first, second = (world.claim(fence) for fence in world.fences())
        assert first
        assert second
        halt(run_id=world.run.id, to=to, message="Halt.")
        assert_open()
        with pytest.raises(ItemAlreadyActive) as caught:
            _start(world.run.project, "E1")
        assert caught.value.details == {"E1": str(world.run.pk)}
        assert _start(world.run.project, "E3")
        _ENDS[end](world, first)
        assert_open()
        if end not in ("taken back", "poison"):  # which take all that the worker had
            assert OpenTarget.objects.filter(run=world.run).count() == 1
            assert world.finish(second)
        assert not OpenTarget.objects.filter(run=world.run).exists()
        run_finalize(run_id=world.run.id)
        assert_counted(world.run)

    @pytest.mark.parametrize("status", [ItemStatus.COMPLETED, ItemStatus.FAILED])
    def test_one_that_has_ended_keeps_none(self, status: ItemStatus) -> None:
        world = World.make(epics=2, lanes=1)
        for _ in range(2):
            step = world.claim()
            assert step
            world.finish(step, status=status)
            assert OpenTarget.objects.count() == 2
        assert run_finalize(run_id=world.run.id)
        assert not OpenTarget.objects.exists()
        assert _start_all(world.run.project)

    def test_an_epic_that_is_deleted_is_open_nowhere(self) -> None:
        world = World.make(epics=2, lanes=1)
        step = world.claim()
        assert step
        epic_delete(epic_id=Epic.objects.get(code="E1").pk)
        assert_open()
        assert OpenTarget.objects.count() == 1
        halt(run_id=world.run.id, to=RunStatus.CANCELLED, message="Cancelled.")
        assert world.finish(step)
        assert run_finalize(run_id=world.run.id)
        assert not OpenTarget.objects.exists()
        project_delete(project_id=world.run.project.pk)

    def test_a_retry_waits_for_those_that_another_run_has(self, dana: User) -> None:
        world = World.make(epics=3, lanes=1)
        for _ in range(2):
            step = world.claim()
            assert step
            world.finish(step, status=ItemStatus.FAILED)
        halt(run_id=world.run.id, to=RunStatus.CANCELLED, message="Cancelled.")
        other = _start(world.run.project, "E2")
        world.run.refresh_from_db()
        with pytest.raises(ItemAlreadyActive) as caught:
            run_retry(run=world.run, user=dana, include_pending=False)
        assert caught.value.details == {"E2": str(other.pk)}
        halt(run_id=other.id, to=RunStatus.CANCELLED, message="Cancelled.")
        retry = run_retry(run=world.run, user=dana, include_pending=False)
        assert _codes(retry) == {"E1", "E2"}


class TestRaces:
    def test_of_many_starts_over_overlapping_epics_each_epic_is_in_one(self) -> None:
        project = project_make(epics=6)
        codes = [f"E{number}" for number in range(1, 7)]
        chance = random.Random(13)
        starts = [partial(_start, project, chance.choice(codes)) for _ in range(9)]
        starts += [partial(_start_all, project, *chance.sample(codes, 3)) for _ in range(3)]
        starts += [partial(_start_all, project)] * 2
        results = race(*starts)
        runs = [result for result in results if isinstance(result, Run)]
        refused = (ItemAlreadyActive, RunAlreadyActive)
        assert all(isinstance(result, (Run, *refused)) for result in results), results
        assert runs
        taken = [code for run in runs for code in _codes(run)]
        assert len(taken) == len(set(taken))
        assert_open()

    def test_a_start_comes_before_or_after_a_cancel_and_an_end(self, dana: User) -> None:
        for number in range(12):
            world = World.make(epics=2, lanes=1)
            step = world.claim()
            assert step
            ends: Callable[[], object]
            if number % 2:
                world.finish(step)
                last = world.claim()
                assert last
                world.finish(last)
                ends = partial(run_finalize, run_id=world.run.id)
            else:
                ends = partial(run_control, run=world.run, action="cancel", user=dana)
            started, _ = race(partial(_start, world.run.project, "E2"), ends)
            assert isinstance(started, Run | ItemAlreadyActive), started
            assert_open()
            assert (
                isinstance(_start(world.run.project, "E2"), Run)
                if not isinstance(started, Run)
                else True
            )

    def test_a_finish_crosses_a_cancel(self, dana: User) -> None:
        for _ in range(12):
            world = World.make(epics=6, lanes=3)
            steps = [world.claim(fence) for fence in world.fences()]
            race(
                partial(run_control, run=world.run, action="cancel", user=dana),
                *[partial(world.finish, step) for step in steps if step],
            )
            assert_open()
            assert OpenTarget.objects.filter(run=world.run).count() == 0

    def test_a_cancel_waits_for_a_finish_under_way(self, dana: User) -> None:
        """The finish saw an active run, so it is the cancel that closes its epic."""
        world = World.make(epics=3, lanes=1)
        step = world.claim()
        assert step
        with transaction.atomic():
            Lane.objects.select_for_update().get(id=step.fence.lane_id)
            finish = elsewhere(partial(world.finish, step))
            finish.join(0.3)
            cancel = elsewhere(partial(run_control, run=world.run, action="cancel", user=dana))
            cancel.join(0.3)
        finish.join(10)
        cancel.join(10)
        assert world.epic(step).status == "COMPLETED"
        assert not OpenTarget.objects.exists()

    def test_a_finish_that_began_before_a_cancel_closes_its_epic(self) -> None:
        """It waits for the lane, which the cancel writes; its own look at the run is an old one."""
        world = World.make(epics=3, lanes=1)
        step = world.claim()
        assert step
        with transaction.atomic():
            halt(run_id=world.run.id, to=RunStatus.CANCELLED, message="Cancelled.")
            finish = elsewhere(partial(world.finish, step))
            finish.join(0.3)
            assert world.epic(step).status == "GENERATING"
        finish.join(10)
        assert world.epic(step).status == "COMPLETED"
        assert not OpenTarget.objects.exists()
