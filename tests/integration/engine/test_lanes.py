"""Lanes: who gets an epic, who may finish it, and what happens to whoever comes too late."""

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils.timezone import now
from psycopg.types.json import Jsonb
from pytest_django.fixtures import Settings

from batchgen.db.ids import new_id
from batchgen.db.sql import run
from epics.models import Epic, Story
from epics.services import epic_delete
from runs.engine.calls import call_book, call_next
from runs.engine.lanes import (
    lanes_dispatch,
    lanes_reclaim,
    lanes_rest,
)
from runs.engine.queries import QUERIES, statement_for
from runs.models import Lane, ProviderCall, Run, RunItem, RunLog, Worker
from runs.states import CallOutcome, ItemStatus, LaneState, RunStatus
from tests.integration.engine import hands
from tests.integration.engine.world import SPEND, World, assert_counted, halt, worker_make
from tests.threads import elsewhere, race

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("grouping")]


def test_start_gives_every_lane_an_epic_and_no_more() -> None:
    world = World.make(epics=5, lanes=3)
    assert Lane.objects.filter(run=world.run, state=LaneState.SENT).count() == 3
    given = RunItem.objects.filter(run=world.run, lane__isnull=False).order_by("order")
    assert [epic.code for epic in given] == ["E1", "E2", "E3"]


def test_a_message_is_claimed_once_however_often_it_comes() -> None:
    world = World.make()
    (fence, *_) = world.fences()
    claims = race(*[lambda: world.claim(fence)] * 16)
    assert sum(claim is not None for claim in claims) == 1
    assert not [claim for claim in claims if isinstance(claim, Exception)]
    assert ProviderCall.objects.count() == 1
    assert RunItem.objects.get(id=fence.item_id).attempt == 1


def test_a_message_of_an_older_generation_claims_nothing() -> None:
    world = World.make(lanes=1)
    (old,) = world.fences()
    Lane.objects.filter(id=old.lane_id).update(fencing_token=old.fencing_token + 1)
    assert world.claim(old) is None
    assert RunItem.objects.get(id=old.item_id).status == ItemStatus.PENDING


@pytest.mark.parametrize("to", [RunStatus.PAUSED, RunStatus.CANCELLED, RunStatus.FAILED])
def test_a_run_that_stands_still_gives_no_epic(to: RunStatus) -> None:
    world = World.make()
    fences = world.fences()
    # As if the lanes had been sent after the run was halted.
    Run.objects.filter(id=world.run.id).update(status=to, draining=to != RunStatus.PAUSED)
    assert [world.claim(fence) for fence in fences] == [None, None]


def test_a_halt_counts_exactly_the_epics_that_were_claimed_before_it() -> None:
    for _ in range(5):
        world = World.make(epics=12, lanes=12)
        claims = [partial(world.claim, fence) for fence in world.fences()]
        *claimed, in_flight = race(
            *claims,
            partial(halt, run_id=world.run.id, to=RunStatus.PAUSED, message="Paused."),
        )
        assert in_flight == sum(step is not None for step in claimed)
        assert RunItem.objects.filter(run=world.run, status="GENERATING").count() == in_flight


def test_a_halt_waits_for_a_claim_and_a_second_call_under_way() -> None:
    for query in ("lane_claim", "call_next"):
        world = World.make(epics=1, lanes=1)
        (fence,) = world.fences()
        step = world.claim(fence) if query == "call_next" else None
        params = {
            **asdict(fence),
            **asdict(SPEND),
            "worker_id": world.worker.id,
            "call_id": step.call_id if step else new_id(),
            "stage": "validation",
            "started_message": "Starting",
            "next_call_id": new_id(),
            "held_micro_usd": None,
            "response": Jsonb({}),
            "purpose": "repair",
            "model": "m",
        }
        statement = query if step else statement_for("stories", query)
        halted: list[int | None] = []
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(QUERIES[statement], params)
            thread = elsewhere(partial(_pause, world, halted))
            thread.join(0.3)
            assert halted == []
        thread.join(10)
        assert halted == [1]


def _pause(world: World, answers: list[int | None]) -> None:
    answers.append(halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Paused."))


@pytest.mark.parametrize("locked", ["the next epic", "a free epic", "a lane", "a dead lane"])
def test_nobody_waits_for_what_another_one_takes(locked: str) -> None:
    world = World.make(epics=4, lanes=2)
    step = world.claim()
    assert step
    if locked == "a dead lane":
        Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
    elif locked != "the next epic":
        RunItem.objects.filter(status="PENDING").update(lane=None)
        Lane.objects.filter(state=LaneState.SENT).update(state=LaneState.IDLE)
    actions: dict[str, tuple[QuerySet[Any], Callable[[], object], object]] = {
        "the next epic": (
            RunItem.objects.filter(code="E3"),
            lambda: (world.finish(step) or {})["code"],
            "E4",
        ),
        "a free epic": (
            RunItem.objects.filter(code="E2"),
            lambda: [link.code for link in lanes_dispatch(run_id=world.run.id)],
            ["E3"],
        ),
        "a lane": (
            Lane.objects.filter(state=LaneState.IDLE),
            lambda: lanes_dispatch(run_id=world.run.id),
            [],
        ),
        "a dead lane": (Lane.objects.filter(id=step.fence.lane_id), lanes_reclaim, []),
    }
    rows, action, expected = actions[locked]
    results: list[object] = []
    with transaction.atomic():
        assert len(rows.order_by("pk").select_for_update()) == 1
        thread = elsewhere(lambda: results.append(action()))
        thread.join(5)
        assert results == [expected]
    thread.join(10)


def test_an_epic_that_is_not_generated_any_more_is_not_finished() -> None:
    world = World.make(epics=2, lanes=1)
    step = world.claim()
    assert step
    RunItem.objects.filter(id=step.fence.item_id).update(status="CANCELLED", completed_at=now())
    assert world.finish(step) is None
    assert Story.objects.count() == 0
    assert world.epic(step).status == ItemStatus.CANCELLED


def test_finishing_stores_counts_logs_and_moves_the_lane_on() -> None:
    world = World.make(epics=3, lanes=1)
    step = world.claim()
    assert step
    moved = world.finish(step)
    assert moved
    assert (moved["state"], moved["code"]) == ("sent", "E2")
    assert moved["fencing_token"] == step.fence.fencing_token + 1
    epic = world.epic(step)
    assert (epic.status, epic.created, epic.input_tokens) == ("COMPLETED", 2, 700)
    assert [story.code for story in Story.objects.order_by("order")] == ["E1-S1", "E1-S2"]
    assert ProviderCall.objects.get().outcome == CallOutcome.ANSWERED
    assert RunLog.objects.filter(item_code="E1", message__startswith="[E1] COMPLETED").exists()
    assert_counted(world.run)


def test_the_last_epic_leaves_its_lane_idle() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    moved = world.finish(step)
    assert moved
    assert (moved["state"], moved["item_id"]) == ("idle", None)


def _sent_before(seconds: float) -> None:
    Lane.objects.filter(state=LaneState.SENT).update(moved_at=now() - timedelta(seconds=seconds))


def test_a_lane_without_a_free_epic_takes_one_whose_message_nobody_reads() -> None:
    world = World.make(epics=3, lanes=3)
    _, unread, _ = world.fences()
    step = world.claim()
    assert step is not None
    _sent_before(5)
    moved = world.finish(step)
    assert moved is not None
    assert (moved["state"], moved["item_id"]) == (LaneState.SENT, unread.item_id)
    assert world.claim(unread) is None, "its message is late"
    assert Lane.objects.get(id=unread.lane_id).state == LaneState.IDLE
    while step := world.claim() if world.fences() else None:
        world.finish(step)
    assert set(RunItem.objects.values_list("status", flat=True)) == {ItemStatus.COMPLETED}
    assert_counted(world.run)


def test_a_message_that_was_just_sent_is_left_to_its_reader() -> None:
    world = World.make(epics=2, lanes=2)
    first, second = world.fences()
    step = world.claim(first)
    assert step is not None
    moved = world.finish(step)
    assert moved is not None
    assert moved["state"] == LaneState.IDLE
    assert world.claim(second) is not None


def test_of_a_claim_and_a_lane_that_takes_the_epic_one_gets_it() -> None:
    for _ in range(10):
        world = World.make(epics=2, lanes=2)
        first, second = world.fences()
        step = world.claim(first)
        assert step is not None
        _sent_before(5)
        moved, claimed = race(partial(world.finish, step), partial(world.claim, second))
        assert isinstance(moved, dict)
        assert (moved["state"] == LaneState.SENT) == (claimed is None)
        Run.objects.all().delete()


def test_an_attempt_whose_lane_was_taken_back_stores_nothing_but_its_spend() -> None:
    world = World.make(epics=1, lanes=1)
    late = world.claim()
    assert late
    Worker.objects.filter(id=world.worker.id).update(lease_until="2000-01-01T00:00:00Z")
    assert len(lanes_reclaim()) == 1
    world.worker = worker_make("w2@test")
    lanes_dispatch(run_id=world.run.id)
    newer = world.claim()
    assert newer
    assert world.finish(late, title="Late") is None
    assert Story.objects.count() == 0
    assert world.epic(late).status == ItemStatus.GENERATING
    for _ in range(2):  # booked once
        run(call_book(lane_id=late.fence.lane_id, call_id=late.call_id, spend=SPEND))
    assert world.finish(newer, title="Newer")
    assert {story.title for story in Story.objects.all()} == {"Newer 1", "Newer 2"}
    assert world.epic(newer).input_tokens == 2 * (SPEND.input_tokens or 0)
    assert_counted(world.run)


def test_finishing_twice_finishes_once() -> None:
    world = World.make(epics=2, lanes=1)
    step = world.claim()
    assert step
    ends = race(*[lambda: world.finish(step)] * 8)
    assert sum(end is not None for end in ends) == 1
    assert Story.objects.count() == 2
    assert_counted(world.run)


def test_a_regeneration_replaces_the_stories_and_a_failed_one_keeps_them() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    world.finish(step, stories=5, title="Old")
    for status, titles in (
        (ItemStatus.FAILED, {f"Old {i}" for i in range(1, 6)}),
        (ItemStatus.COMPLETED, {"New 1", "New 2", "New 3"}),
    ):
        again = World(run=world.run, worker=world.worker)
        Run.objects.filter(id=world.run.id).update(status="RUNNING")
        RunItem.objects.filter(run=world.run).update(status="PENDING", completed_at=None, lane=None)
        lanes_dispatch(run_id=world.run.id)
        step = again.claim()
        assert step
        assert again.finish(step, status=status, stories=3, title="New")
        assert {story.title for story in Story.objects.all()} == titles


def test_an_epic_that_is_deleted_meanwhile_is_finished_without_stories() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    epic_delete(epic_id=Epic.objects.get().pk)
    assert world.finish(step)
    epic = world.epic(step)
    assert (epic.status, epic.created, epic.target_id) == ("COMPLETED", 0, None)
    assert epic.notes == ["nothing is stored, because its target was deleted meanwhile"]
    assert_counted(world.run)


def test_a_target_that_went_untold_is_not_loaded_and_keeps_nothing() -> None:
    """By a person with a database client: nothing refers to the epic but its id."""
    world = World.make(epics=2, lanes=1)
    step = world.claim()
    assert step
    Epic.objects.all().delete()
    assert world.finish(step)
    assert (world.epic(step).status, world.epic(step).created) == ("COMPLETED", 0)
    (fence,) = world.fences()
    claim = hands.claim(fence=fence, worker_id=world.worker.id, call_id=new_id())
    assert claim
    assert claim.input is None


@pytest.mark.parametrize("_attempt", range(5))
def test_two_runs_that_finish_one_epic_at_once_leave_one_set_of_stories(_attempt: int) -> None:
    worlds = [World.make(epics=1, lanes=1), World.make(epics=1, lanes=1)]
    RunItem.objects.filter(run=worlds[1].run).update(
        target_id=RunItem.objects.get(run=worlds[0].run).target_id
    )
    steps = [step for world in worlds if (step := world.claim())]
    ends = race(*[partial(world.finish, step) for world, step in zip(worlds, steps, strict=True)])
    assert all(isinstance(end, dict) for end in ends), ends
    epic_id = RunItem.objects.get(run=worlds[0].run).target_id
    assert Story.objects.filter(epic=epic_id).count() == 2


def test_lanes_that_move_on_at_once_never_take_the_same_epic() -> None:
    world = World.make(epics=40, lanes=10)
    while fences := world.fences():
        steps = race(*[partial(world.claim, fence) for fence in fences])
        ends = race(*[partial(world.finish, step, stories=1) for step in steps])
        assert not [end for end in ends if isinstance(end, Exception)]
    assert RunItem.objects.filter(run=world.run, status="COMPLETED", attempt=1).count() == 40
    assert_counted(world.run)


def test_a_run_that_was_paused_meanwhile_keeps_the_result_and_its_lane_rests() -> None:
    world = World.make(epics=3, lanes=1)
    step = world.claim()
    assert step
    assert halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Paused.") == 1
    moved = world.finish(step)
    assert moved
    assert moved["state"] == "idle"
    assert Story.objects.count() == 2
    assert RunItem.objects.filter(run=world.run, status="PENDING", lane=None).count() == 2


def test_a_lane_beyond_the_runs_concurrency_rests_after_its_epic() -> None:
    world = World.make(epics=9, lanes=2)
    second = world.claim(world.fences()[1])
    assert second
    Run.objects.filter(id=world.run.id).update(max_concurrency=1)
    moved = world.finish(second)
    assert moved
    assert moved["state"] == "idle"
    assert lanes_dispatch(run_id=world.run.id) == []


def test_a_long_pacing_delay_parks_the_lane_with_its_next_epic() -> None:
    world = World.make(epics=2, lanes=1)
    step = world.claim()
    assert step
    moved = world.finish(step, park_s=60)
    assert moved
    assert moved["state"] == "parked"
    assert world.lane(step).wait_reason == "pacing"
    assert lanes_dispatch(run_id=world.run.id) == []
    Lane.objects.update(wake_at="2026-01-01T00:00:00Z")
    (link,) = lanes_dispatch(run_id=world.run.id)
    assert link.code == "E2"


@pytest.mark.parametrize(("refund", "attempts"), [(True, 0), (False, 1)])
def test_giving_back_parks_the_lane_with_its_epic(refund: bool, attempts: int) -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    given = hands.give_back(
        fence=step.fence,
        call_id=step.call_id,
        reason="backoff",
        message="503",
        wait_s=0.1,
        refund=refund,
        error_code="PROVIDER_FAILED",
        possibly_billed=True,
    )
    assert given
    epic, lane = world.epic(step), world.lane(step)
    assert (epic.status, epic.lane_id, epic.attempt) == ("PENDING", lane.id, attempts)
    assert (lane.state, lane.wait_reason) == ("parked", "backoff")
    call = ProviderCall.objects.get()
    assert (call.outcome, call.error_code, call.possibly_billed) == (
        "FAILED",
        "PROVIDER_FAILED",
        True,
    )
    time.sleep(0.15)
    (link,) = lanes_dispatch(run_id=world.run.id)
    assert link.item_id == epic.id
    assert_counted(world.run)


def test_giving_back_in_a_paused_run_lets_the_epic_go() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Paused.")
    assert hands.give_back(
        fence=step.fence, call_id=step.call_id, reason="stopped", message="", wait_s=0, refund=True
    )
    assert world.lane(step).state == LaneState.IDLE
    assert world.epic(step).lane_id is None


def test_a_second_call_starts_only_while_the_run_runs() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    response = {"text": "{}", "stopReason": "end_turn"}

    def begins(call_id: UUID, next_call_id: UUID) -> bool:
        ending = call_next(
            fence=step.fence,
            call_id=call_id,
            next_call_id=next_call_id,
            spend=SPEND,
            response=response,
            purpose="repair",
            model="m",
        )
        return run(ending)

    second = new_id()
    assert begins(step.call_id, second)
    halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Paused.")
    assert not begins(second, new_id())
    assert list(ProviderCall.objects.order_by("started_at").values_list("purpose", "outcome")) == [
        ("generate", "ANSWERED"),
        ("repair", "ANSWERED"),
    ]
    assert_counted(world.run)


def test_a_second_call_that_is_begun_twice_is_begun_once() -> None:
    """As when the connection breaks between a commit and its answer."""
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    params = {
        **asdict(step.fence),
        **asdict(SPEND),
        "call_id": step.call_id,
        "next_call_id": new_id(),
        "held_micro_usd": None,
        "response": Jsonb({"text": "{}", "stopReason": "end_turn"}),
        "purpose": "repair",
        "model": "m",
    }
    answers = [QUERIES.fetch("call_next", params) for _ in range(2)]
    assert answers == [[{"begun": True}]] * 2
    assert ProviderCall.objects.count() == 2
    assert world.epic(step).input_tokens == SPEND.input_tokens
    assert_counted(world.run)


def test_a_restarted_attempt_is_told_what_was_paid_for() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    response = {"text": "first", "stopReason": "end_turn"}
    ending = call_next(
        fence=step.fence,
        call_id=step.call_id,
        next_call_id=new_id(),
        spend=SPEND,
        response=response,
        purpose="repair",
        model="m",
    )
    assert run(ending)
    Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
    lanes_reclaim()
    lanes_dispatch(run_id=world.run.id)
    (fence,) = world.fences()
    claim = hands.claim(fence=fence, worker_id=worker_make("w2@test").id, call_id=world.run.id)
    assert claim
    assert claim.answers == {"generate": {"key": "generate", **response}}


class TestReclaim:
    def test_a_live_worker_keeps_its_epics(self) -> None:
        world = World.make()
        assert world.claim()
        assert lanes_reclaim() == []

    @pytest.mark.parametrize("fault", ["lease over", "said goodbye", "newer start"])
    def test_a_worker_that_is_gone_loses_them(self, fault: str) -> None:
        world = World.make(epics=1, lanes=1)
        step = world.claim()
        assert step
        if fault == "lease over":
            Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
        elif fault == "said goodbye":
            Worker.objects.update(stopped_at="2000-01-01T00:00:00Z")
        else:
            worker_make(world.worker.name)
            Worker.objects.filter(id=world.worker.id).update(heartbeat_at="2000-01-01T00:00:00Z")
        assert len(lanes_reclaim()) == 1
        epic, lane = world.epic(step), world.lane(step)
        assert (epic.status, epic.lane_id, epic.crashes) == ("PENDING", None, 1)
        assert (lane.state, lane.fencing_token) == ("idle", step.fence.fencing_token + 1)
        call = ProviderCall.objects.get()
        assert (call.outcome, call.possibly_billed) == ("LOST", True)
        assert_counted(world.run)

    def test_while_the_server_was_away_nobody_could_renew_a_lease(self, settings: Settings) -> None:
        world = World.make()
        assert world.claim()
        Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
        settings.WORKER_LEASE_S = 1e6  # the server has not been up for so long
        assert lanes_reclaim() == []

    def test_two_live_workers_of_one_name_leave_each_other_alone(self) -> None:
        world = World.make(epics=1, lanes=1)
        assert world.claim()
        worker_make(world.worker.name)
        assert lanes_reclaim() == []

    def test_an_orphan_is_taken_back_without_a_crash(self) -> None:
        world = World.make(epics=1, lanes=1)
        step = world.claim()
        assert step
        assert lanes_reclaim(orphans=[f"{step.fence.lane_id}.{step.fence.fencing_token + 1}"]) == []
        assert len(lanes_reclaim(orphans=[f"{step.fence.lane_id}.{step.fence.fencing_token}"])) == 1
        assert world.epic(step).crashes == 0

    def test_an_epic_that_kills_three_workers_is_poison(self) -> None:
        world = World.make(epics=1, lanes=1)
        for crash in (1, 2, 3):
            world.worker = worker_make(f"w{crash}@test")
            step = world.claim()
            assert step
            Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
            lanes_reclaim()
            lanes_dispatch(run_id=world.run.id)
        epic = RunItem.objects.get(run=world.run)
        assert (epic.status, epic.error_code, epic.crashes) == ("FAILED", "POISON", 3)
        assert "retry" in epic.error
        assert_counted(world.run)

    def test_an_epic_that_kills_its_workers_takes_no_other_with_it(self) -> None:
        world = World.make(epics=12, lanes=5)
        while fences := world.fences():
            steps = [step for fence in fences if (step := world.claim(fence))]
            if "E3" in [step.code for step in steps]:
                Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
                lanes_reclaim()
                world.worker = worker_make("next@test")
            else:
                for step in steps:
                    world.finish(step)
            lanes_dispatch(run_id=world.run.id)
        failed = RunItem.objects.filter(run=world.run, status=ItemStatus.FAILED)
        assert [(epic.code, epic.error_code) for epic in failed] == [("E3", "POISON")]
        assert RunItem.objects.filter(run=world.run, status=ItemStatus.COMPLETED).count() == 11
        assert_counted(world.run)

    def test_two_at_once_take_an_epic_back_once(self) -> None:
        world = World.make(epics=8, lanes=8)
        for fence in world.fences():
            world.claim(fence)
        Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
        rounds = race(*[lanes_reclaim] * 6)
        assert sum(map(len, rounds)) == 8
        assert set(RunItem.objects.values_list("crashes", flat=True)) == {1}


class TestDispatch:
    def test_at_once_it_hands_out_every_epic_once(self) -> None:
        world = World.make(epics=30, lanes=1)
        Lane.objects.bulk_create(Lane(run=world.run, index=i) for i in range(1, 20))
        Run.objects.filter(id=world.run.id).update(max_concurrency=20)
        sent = [
            link
            for links in race(*[lambda: lanes_dispatch(run_id=world.run.id)] * 8)
            for link in links
        ]
        assert len(sent) == 19
        assert len({link.item_id for link in sent}) == 19

    def test_a_lost_message_is_sent_again_with_a_new_generation(self) -> None:
        world = World.make(lanes=1)
        (old,) = world.fences()
        assert lanes_dispatch(run_id=world.run.id) == []
        (link,) = lanes_dispatch(run_id=world.run.id, lost_lane_ids=[old.lane_id])
        assert (link.item_id, link.fencing_token) == (old.item_id, old.fencing_token + 1)
        assert world.claim(old) is None

    def test_lanes_of_a_paused_run_rest_and_let_their_epics_go(self) -> None:
        world = World.make(epics=4, lanes=2)
        fences = world.fences()
        halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Paused.")
        assert set(Lane.objects.values_list("state", flat=True)) == {"idle"}
        assert RunItem.objects.filter(lane__isnull=False).count() == 0
        assert [world.claim(fence) for fence in fences] == [None, None]
        assert lanes_rest(run_id=world.run.id) == []
        assert lanes_dispatch(run_id=world.run.id) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "COMPLETED"},
        {"completed_at": "2026-01-01T00:00:00Z"},
        {"status": "GENERATING", "lane": None},
    ],
)
def test_the_database_refuses_epics_that_contradict_themselves(wrong: dict[str, object]) -> None:
    world = World.make()
    with pytest.raises(IntegrityError):
        RunItem.objects.filter(run=world.run).update(**wrong)


def test_the_database_refuses_two_open_epics_in_one_lane() -> None:
    world = World.make(epics=3, lanes=1)
    lane = Lane.objects.get(run=world.run)
    with pytest.raises(IntegrityError, match="lane_carries_one_item"):
        RunItem.objects.filter(run=world.run, code="E3").update(lane=lane)
