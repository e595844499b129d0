"""Pause, resume, cancel, change, retry: one wins, the trail says who, nothing is lost."""

from dataclasses import fields
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import InternalError, ProgrammingError, transaction
from django.utils.timezone import now

from batchgen.errors import InvalidTransition, RunAlreadyActive, ValidationFailed, VersionConflict
from runs.engine.controls import run_change, run_control, run_item_cancel, run_retry
from runs.engine.lanes import lanes_reclaim
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import Transition, run_dispatch, run_finalize
from runs.models import Lane, OpenTarget, Run, RunAction, RunItem, Worker
from runs.states import ItemStatus, RunStatus
from tests.integration.engine import hands
from tests.integration.engine.world import World, assert_counted, project_make, worker_make
from tests.threads import elsewhere, race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dana() -> User:
    return User.objects.create(username="dana", is_staff=True)


def _read(world: World) -> Run:
    return Run.objects.get(id=world.run.id)


def test_of_50_equal_requests_at_once_exactly_one_wins(dana: User) -> None:
    world = World.make(epics=20, lanes=8)
    for fence in world.fences()[:3]:
        world.claim(fence)
    for action, to in (("pause", "PAUSED"), ("resume", "RUNNING"), ("cancel", "CANCELLED")):
        results = race(*[partial(run_control, run=world.run, action=action, user=dana)] * 50)
        (moved,) = [result for result in results if isinstance(result, Transition)]
        assert sum(isinstance(result, InvalidTransition) for result in results) == 49
        assert (moved.status, moved.in_flight) == (to, 3)
        assert RunAction.objects.filter(kind=action, actor="dana").count() == 1


def test_a_refusal_says_what_the_status_is_and_who_was_first(dana: User) -> None:
    world = World.make()
    run_control(run=world.run, action="pause", user=dana)
    with pytest.raises(InvalidTransition) as caught:
        run_control(run=world.run, action="pause", user=dana)
    assert caught.value.message.startswith("A paused run cannot be paused. The last action was")
    assert "pause by dana, 0 s ago" in caught.value.message
    assert caught.value.details == {"status": "PAUSED"}


def test_resume_goes_on_with_the_pending_epics(dana: User) -> None:
    world = World.make(epics=4, lanes=2)
    step = world.claim()
    assert step
    run_control(run=world.run, action="pause", user=dana)
    assert world.finish(step)
    assert world.fences() == []
    run_control(run=world.run, action="resume", user=dana)
    assert len(world.fences()) == 2
    while fences := world.fences():
        again = world.claim(fences[0])
        assert again
        world.finish(again)
    assert run_finalize(run_id=world.run.id) == RunStatus.SUCCEEDED
    assert set(RunItem.objects.values_list("attempt", flat=True)) == {1}


def test_a_run_whose_last_epics_ended_while_it_was_paused_ends_when_resumed(dana: User) -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    run_control(run=world.run, action="pause", user=dana)
    world.finish(step)
    assert run_finalize(run_id=world.run.id) is None
    run_control(run=world.run, action="resume", user=dana)
    assert _read(world).status == RunStatus.SUCCEEDED


def test_a_cancelled_run_keeps_its_pending_epics(dana: User) -> None:
    world = World.make(epics=4, lanes=2)
    run_control(run=world.run, action="cancel", user=dana)
    run = _read(world)
    assert (run.status, run.draining) == ("CANCELLED", False)
    assert RunItem.objects.filter(status="PENDING", lane=None).count() == 4


class TestCancelOfOneEpic:
    def test_one_that_waits_is_cancelled_at_once(self, dana: User) -> None:
        world = World.make(epics=3, lanes=1)
        for code in ("E3", "E1"):  # not handed out; handed out
            run_item_cancel(item=RunItem.objects.get(code=code), user=dana)
        assert RunItem.objects.filter(status="CANCELLED").count() == 2
        (fence,) = world.fences()
        assert RunItem.objects.get(id=fence.item_id).code == "E2"
        step = world.claim()
        assert step
        world.finish(step)
        assert run_finalize(run_id=world.run.id) == RunStatus.SUCCEEDED
        assert_counted(world.run)

    def test_of_a_run_that_has_not_begun_it_may_be_the_end(self, dana: User) -> None:
        world = World.make(epics=1, lanes=1, begin=False)
        run_item_cancel(item=RunItem.objects.get(), user=dana)
        run = _read(world)
        assert (run.status, run.completed_at is None) == (RunStatus.CANCELLED, False)
        assert not OpenTarget.objects.exists()

    def test_its_message_claims_nothing_any_more(self, dana: User) -> None:
        world = World.make(epics=1, lanes=1)
        (fence,) = world.fences()
        run_item_cancel(item=RunItem.objects.get(), user=dana)
        assert world.claim(fence) is None
        assert _read(world).status == RunStatus.QUEUED or _read(world).completed_at

    def test_one_that_is_generated_is_cancelled_by_its_worker(self, dana: User) -> None:
        world = World.make(epics=1, lanes=1)
        step = world.claim()
        assert step
        run_item_cancel(item=world.epic(step), user=dana)
        assert world.epic(step).status == ItemStatus.GENERATING
        assert hands.give_back(
            fence=step.fence,
            call_id=step.call_id,
            reason="stopped",
            message="",
            wait_s=0,
            refund=True,
        )
        assert world.epic(step).status == ItemStatus.CANCELLED
        assert world.lane(step).state == "idle"
        assert_counted(world.run)

    def test_or_by_the_reconciler_when_its_worker_is_gone(self, dana: User) -> None:
        world = World.make(epics=1, lanes=1)
        step = world.claim()
        assert step
        run_item_cancel(item=world.epic(step), user=dana)
        Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
        lanes_reclaim()
        assert world.epic(step).status == ItemStatus.CANCELLED
        assert run_finalize(run_id=world.run.id) == RunStatus.CANCELLED
        assert_counted(world.run)

    def test_one_that_is_final_is_refused(self, dana: User) -> None:
        world = World.make(epics=2, lanes=1)
        step = world.claim()
        assert step
        world.finish(step)
        with pytest.raises(InvalidTransition, match="completed already"):
            run_item_cancel(item=world.epic(step), user=dana)
        assert not RunAction.objects.filter(kind="cancel-epic").exists()

    @pytest.mark.parametrize("code", ["E1", "E2"])
    def test_in_a_run_that_is_over_it_is_refused(self, dana: User, code: str) -> None:
        """E1's call is still being finished, E2 never began."""
        world = World.make(epics=2, lanes=1)
        step = world.claim()
        assert step
        run_control(run=world.run, action="cancel", user=dana)
        epic = RunItem.objects.get(code=code)
        with pytest.raises(InvalidTransition, match="No epic of a cancelled run") as caught:
            run_item_cancel(item=epic, user=dana)
        assert caught.value.details == {"status": "CANCELLED"}
        world.finish(step)
        run_finalize(run_id=world.run.id)
        with pytest.raises(InvalidTransition):
            run_item_cancel(item=epic, user=dana)
        assert sorted(RunItem.objects.values_list("status", "cancel_requested")) == [
            ("COMPLETED", False),
            ("PENDING", False),
        ]
        assert not RunAction.objects.filter(kind="cancel-epic").exists()
        assert_counted(world.run)

    def test_against_the_runs_own_cancel_it_comes_before_or_is_refused(self, dana: User) -> None:
        for _ in range(10):
            world = World.make(epics=2, lanes=1)
            epic = RunItem.objects.get(run=world.run, code="E2")
            refused, _ = race(
                partial(run_item_cancel, item=epic, user=dana),
                partial(run_control, run=world.run, action="cancel", user=dana),
            )
            trail = list(RunAction.objects.filter(run=world.run).values_list("kind", flat=True))
            epic.refresh_from_db()
            if refused is None:
                assert trail == ["start", "cancel-epic", "cancel"]
            else:
                assert isinstance(refused, InvalidTransition)
                assert trail == ["start", "cancel"]
            assert epic.status == ("PENDING" if refused else "CANCELLED")
            assert_counted(world.run)

    def test_the_runs_own_cancel_waits_for_it(self, dana: User) -> None:
        world = World.make(epics=2, lanes=1)
        cancel = partial(run_control, run=world.run, action="cancel", user=dana)
        with transaction.atomic():
            run_item_cancel(item=RunItem.objects.get(code="E2"), user=dana)
            thread = elsewhere(cancel)
            thread.join(0.3)
            assert _read(world).status == "RUNNING"
        thread.join(10)
        assert _read(world).status == "CANCELLED"

    def test_one_that_is_being_cancelled_is_refused(self, dana: User) -> None:
        world = World.make(epics=1, lanes=1)
        step = world.claim()
        assert step
        run_item_cancel(item=world.epic(step), user=dana)
        with pytest.raises(InvalidTransition, match="being cancelled already"):
            run_item_cancel(item=world.epic(step), user=dana)

    def test_of_many_at_once_one_wins(self, dana: User) -> None:
        world = World.make(epics=2, lanes=1)
        epic = RunItem.objects.get(code="E1")
        results = race(*[lambda: run_item_cancel(item=epic, user=dana)] * 10)
        assert sum(isinstance(result, InvalidTransition) for result in results) == 9
        assert RunAction.objects.filter(kind="cancel-epic").count() == 1
        assert_counted(world.run)

    def test_against_a_claim_one_of_the_two_wins(self, dana: User) -> None:
        for _ in range(10):
            world = World.make(epics=2, lanes=1)
            (fence,) = world.fences()
            epic = RunItem.objects.get(id=fence.item_id)
            claimed, refused = race(
                partial(world.claim, fence),
                partial(run_item_cancel, item=epic, user=dana),
            )
            epic.refresh_from_db()
            assert refused is None
            assert epic.cancel_requested
            assert epic.status == ("GENERATING" if claimed else "CANCELLED")
            assert_counted(world.run)


class TestChange:
    def test_more_lanes_start_at_once(self, dana: User) -> None:
        world = World.make(epics=9, lanes=1)
        version = _read(world).version
        run_change(run=world.run, user=dana, version=version, priority="HIGH", max_concurrency=4)
        run = _read(world)
        assert (run.priority, run.max_concurrency, run.version) == ("HIGH", 4, version + 1)
        assert len(world.fences()) == 4
        assert RunAction.objects.get(kind="change").details == {
            "priority": "HIGH",
            "max_concurrency": 4,
            "lanesBefore": 1,
            "epicsDone": 0,
        }

    def test_fewer_lanes_rest_after_their_epics(self, dana: User) -> None:
        world = World.make(epics=9, lanes=3)
        steps = [world.claim(fence) for fence in world.fences()]
        run_change(
            run=world.run,
            user=dana,
            version=_read(world).version,
            priority=None,
            max_concurrency=1,
        )
        for step in steps:
            assert step
            world.finish(step)
        assert Lane.objects.filter(state="sent").count() == 1

    def test_a_stale_version_is_refused(self, dana: User) -> None:
        world = World.make()
        with pytest.raises(VersionConflict):
            run_change(run=world.run, user=dana, version=1, priority="LOW", max_concurrency=None)

    def test_a_final_run_is_refused(self, dana: User) -> None:
        world = World.make()
        run_control(run=world.run, action="cancel", user=dana)
        with pytest.raises(InvalidTransition):
            run_change(
                run=world.run,
                user=dana,
                version=_read(world).version,
                priority="LOW",
                max_concurrency=None,
            )

    def test_a_priority_that_a_person_gives_has_no_computed_reasons(self, dana: User) -> None:
        project = project_make()
        run = run_start(project=project, user=dana, options=RunOptions(priority=None))
        assert run.priority_reasons
        run_change(run=run, user=dana, version=1, priority=None, max_concurrency=3)
        run.refresh_from_db()
        assert run.priority_reasons
        run_change(run=run, user=dana, version=2, priority="HIGH", max_concurrency=None)
        run.refresh_from_db()
        assert (run.priority, run.priority_reasons) == ("HIGH", [])
        changes = RunAction.objects.filter(run=run, kind="change").order_by("-id")
        assert changes[0].details == {"priority": "HIGH"}


class TestRetry:
    def _cancelled(self, dana: User) -> World:
        world = World.make(epics=4, lanes=1)
        for status in (ItemStatus.COMPLETED, ItemStatus.FAILED):
            step = world.claim()
            assert step
            world.finish(step, status=status)
        run_control(run=world.run, action="cancel", user=dana)
        world.run.refresh_from_db()
        return world

    @pytest.mark.parametrize(
        ("include_pending", "codes"), [(False, ["E2"]), (True, ["E2", "E3", "E4"])]
    )
    def test_it_is_a_new_run_over_what_is_missing(
        self, dana: User, include_pending: bool, codes: list[str]
    ) -> None:
        world = self._cancelled(dana)
        retry = run_retry(run=world.run, user=dana, include_pending=include_pending)
        assert retry.retried_from_id == world.run.id
        epics = RunItem.objects.filter(run=retry).order_by("order")
        assert [epic.code for epic in epics] == codes
        assert RunItem.objects.filter(run=world.run, status="FAILED").exists()

    def test_it_has_all_that_the_first_was_started_with(self, dana: User) -> None:
        project = project_make(epics=1)
        chosen = RunOptions(
            type="GENERATE_STORIES",
            options={
                "mode": "comprehensive",
                "persona_set": "extended",
                "skip_quality_check": True,
                "keep_edited": False,
            },
            pacing_profile="safe",
            priority=None,
            target_ids=[project.epics.get().pk],
            priorities={project.epics.get().pk: 9},
            max_concurrency=4,
            deadline=now() + timedelta(hours=3),
            model="claude-opus-5-5",
            lane="cheapest",
        )
        usual = RunOptions()
        # A quote is for one start, and of a budget it has what is left.
        names = {field.name for field in fields(RunOptions)} - {"quote_id", "budget_micro_usd"}
        assert all(getattr(chosen, name) != getattr(usual, name) for name in names)
        first = run_start(project=project, user=dana, options=chosen)
        assert first.priority_reasons
        RunItem.objects.update(in_batch=False)
        run_dispatch(run_id=first.pk)
        world = World(run=first, worker=worker_make())
        step = world.claim()
        assert step
        world.finish(step, status=ItemStatus.FAILED)
        run_control(run=first, action="cancel", user=dana)
        retry = run_retry(run=_read(world), user=dana, include_pending=False)
        own = {
            "id",
            "status",
            "created_at",
            "started_at",
            "completed_at",
            "retried_from",
            "version",
        }
        for column in Run._meta.fields:
            if column.name not in own:
                old, new = (getattr(run, column.attname) for run in (first, retry))
                assert old == new, column.name

    def test_the_trails_of_both_say_so(self, dana: User) -> None:
        world = self._cancelled(dana)
        retry = run_retry(run=world.run, user=dana, include_pending=True)
        told = RunAction.objects.get(run=world.run, kind="retry")
        assert (told.actor, told.actor_id) == ("dana", dana.pk)
        assert told.details == {"newRunId": str(retry.id), "epics": 3}
        began = RunAction.objects.get(run=retry)
        assert began.details == {"retriedFrom": str(world.run.id), "epics": 3}

    def test_one_that_is_refused_leaves_no_trace(self, dana: User) -> None:
        world = self._cancelled(dana)
        run_retry(run=world.run, user=dana, include_pending=False)
        with pytest.raises(RunAlreadyActive):
            run_retry(run=world.run, user=dana, include_pending=False)
        assert RunAction.objects.filter(run=world.run, kind="retry").count() == 1

    def test_a_run_that_is_not_over_is_refused(self, dana: User) -> None:
        world = World.make()
        with pytest.raises(InvalidTransition, match="not over"):
            run_retry(run=world.run, user=dana, include_pending=True)

    def test_without_failures_there_is_nothing_to_retry(self, dana: User) -> None:
        world = World.make(epics=1, lanes=1)
        step = world.claim()
        assert step
        world.finish(step)
        run_finalize(run_id=world.run.id)
        world.run.refresh_from_db()
        with pytest.raises(ValidationFailed, match="no epics to retry"):
            run_retry(run=world.run, user=dana, include_pending=True)


def test_the_trail_cannot_be_changed(dana: User) -> None:
    world = World.make()
    run_control(run=world.run, action="pause", user=dana)
    with pytest.raises((InternalError, ProgrammingError), match="append-only"):
        RunAction.objects.filter(run=world.run).update(actor="nobody")
