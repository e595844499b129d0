"""Lanes that go on: the end of an item and the claim of the next one are one statement."""

from collections.abc import Callable, Sequence
from functools import partial

import psycopg
import pytest
from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from batchgen.db.ids import new_id
from batchgen.db.sql import Statement, run
from epics.models import Story
from runs.engine.budgets import run_budget_set
from runs.engine.claims import Claiming, LaneClaim, lane_claim
from runs.engine.going_on import GoingOn, Moved, lane_go_on, lanes_go_on
from runs.engine.lanes import Finishing
from runs.engine.outcomes import Outcome
from runs.engine.refusals import BudgetRefused, PriceMissing, refusal_of
from runs.engine.transitions import run_finalize
from runs.models import Budget, Lane, ProviderCall, Run, RunItem, RunLog
from runs.states import ItemStatus, LaneState, RunStatus
from tests.acceptance.fleet import wait_for
from tests.integration.engine.hands import execute_here
from tests.integration.engine.test_lock_order import assert_nobody_takes, budgets_hold
from tests.integration.engine.world import (
    SPEND,
    Step,
    World,
    assert_booked,
    assert_counted,
    assert_whole,
    halt,
    stories_make,
)
from tests.threads import elsewhere, somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)

#: More than any item's.
_LARGE = 1_000_000
#: Of SPEND, in micro-dollars.
_COST = 10_400
GoOn = Callable[[Sequence[GoingOn]], list[Moved | None]]


def _singly(members: Sequence[GoingOn]) -> list[Moved | None]:
    return [run(lane_go_on(member)) for member in members]


def _together(members: Sequence[GoingOn]) -> list[Moved | None]:
    return run(lanes_go_on(members))


@pytest.fixture(params=[_singly, _together], ids=["single", "group"])
def go_on(request: pytest.FixtureRequest) -> GoOn:
    chosen: GoOn = request.param
    return chosen


def going_on(
    step: Step, *, input_tokens: int = _LARGE, held: int | None = 5, title: str = "Lend"
) -> GoingOn:
    outcome = Outcome(
        status=ItemStatus.COMPLETED,
        message=f"[{step.code}] COMPLETED",
        result={"stories": stories_make(2, title=title)},
    )
    return GoingOn(
        finishing=Finishing(
            fence=step.fence, call_id=step.call_id, outcome=outcome, spend=SPEND, park_s=0
        ),
        call_id=new_id(),
        held_micro_usd=held,
        input_tokens=input_tokens,
    )


def steps_of(world: World) -> list[Step]:
    return [step for fence in world.fences() if (step := world.claim(fence))]


def claims_in(moved: Sequence[Moved | None]) -> list[LaneClaim | None]:
    return [each.claim if each else None for each in moved]


def states_of(world: World) -> list[str]:
    return list(
        Lane.objects.filter(run=world.run).order_by("index").values_list("state", flat=True)
    )


def test_each_lane_ends_its_item_and_has_the_next_one(go_on: GoOn) -> None:
    world = World.make(epics=5, lanes=2)
    steps = steps_of(world)
    members = [going_on(step, title=step.code) for step in steps]
    claims = claims_in(go_on(members))
    assert [claim and claim.code for claim in claims] == ["E3", "E4"]
    for step, member, claim in zip(steps, members, claims, strict=True):
        assert claim
        fence = claim.fence
        assert (fence.lane_id, fence.fencing_token) == (
            step.fence.lane_id,
            step.fence.fencing_token + 1,
        )
        assert (claim.call_id, claim.attempt, claim.run_status) == (
            member.call_id,
            1,
            RunStatus.RUNNING,
        )
        assert claim.input
        assert claim.input["epic"]["title"] == f"Lending {claim.code[1:]}"
        lane = Lane.objects.get(id=fence.lane_id)
        assert (lane.state, lane.worker_id) == (LaneState.RUNNING, world.worker.id)
        assert lane.fencing_token == fence.fencing_token
        assert lane.claimed_at
        item = RunItem.objects.get(id=fence.item_id)
        assert (item.status, item.lane_id, item.attempt) == ("GENERATING", lane.pk, 1)
        call = ProviderCall.objects.get(item=item)
        assert (call.id, call.outcome, call.held_micro_usd) == (member.call_id, "STARTED", 5)
        assert RunLog.objects.filter(item_code=claim.code, message__contains="Starting").exists()
        assert Story.objects.filter(epic__code=step.code, title__startswith=step.code).count() == 2
    assert ProviderCall.objects.filter(outcome="ANSWERED").count() == 2
    assert_counted(world.run)


def test_what_was_claimed_ends_as_any_other_to_the_end_of_the_run(go_on: GoOn) -> None:
    world = World.make(epics=5, lanes=2)
    steps = steps_of(world)
    while steps:
        claims = claims_in(go_on([going_on(step) for step in steps]))
        steps = [
            Step(fence=claim.fence, call_id=claim.call_id, code=claim.code)
            for claim in claims
            if claim and claim.call_id
        ]
    assert states_of(world) == ["idle", "idle"]
    assert set(RunItem.objects.values_list("status", flat=True)) == {ItemStatus.COMPLETED}
    run_finalize(run_id=world.run.id)
    world.run.refresh_from_db()
    assert_whole(world.run)
    assert_booked(world.run)


def test_an_item_that_is_larger_than_its_permit_goes_by_its_message(go_on: GoOn) -> None:
    world = World.make(epics=3, lanes=1)
    (step,) = steps_of(world)
    RunItem.objects.update(estimated_input_tokens=101)
    assert claims_in(go_on([going_on(step, input_tokens=100)])) == [None]
    (fence,) = world.fences()
    assert states_of(world) == ["sent"]
    (claimed,) = claims_in(go_on([going_on(world.claim(fence) or step, input_tokens=101)]))
    assert claimed


def test_an_item_that_has_its_answer_goes_by_its_message(go_on: GoOn) -> None:
    world = World.make(epics=3, lanes=1)
    (step,) = steps_of(world)
    RunItem.objects.filter(status="PENDING").update(batch_id=new_id())
    assert claims_in(go_on([going_on(step)])) == [None]
    assert states_of(world) == ["sent"]


@pytest.mark.parametrize("status", [RunStatus.PAUSED, RunStatus.CANCELLED])
def test_a_lane_of_a_run_that_stands_still_rests(go_on: GoOn, status: RunStatus) -> None:
    world = World.make(epics=3, lanes=1)
    (step,) = steps_of(world)
    halt(run_id=world.run.id, to=status, message="Stop.")
    assert claims_in(go_on([going_on(step)])) == [None]
    assert states_of(world) == ["idle"]
    assert world.epic(step).status == ItemStatus.COMPLETED


def test_a_lane_that_is_one_too_many_rests(go_on: GoOn) -> None:
    world = World.make(epics=6, lanes=2)
    steps = steps_of(world)
    Run.objects.update(max_concurrency=1)
    claims = claims_in(go_on([going_on(step) for step in steps]))
    assert [claim is not None for claim in claims] == [True, False]
    assert states_of(world) == ["running", "idle"]


def test_an_item_that_is_cancelled_just_now_is_not_begun(go_on: GoOn) -> None:
    world = World.make(epics=2, lanes=2)
    first, unread = world.fences()
    step = world.claim(first)
    assert step
    Lane.objects.filter(id=unread.lane_id).update(moved_at="2026-01-01T00:00:00Z")
    with transaction.atomic():
        RunItem.objects.filter(id=unread.item_id).update(
            status=ItemStatus.CANCELLED, lane=None, completed_at=now()
        )
        thread = elsewhere(lambda: _patiently(go_on, going_on(step)))
        wait_for(somebody_waits, "the end waits")
    thread.join(10)
    assert RunItem.objects.get(id=unread.item_id).status == ItemStatus.CANCELLED
    assert not RunItem.objects.filter(status=ItemStatus.GENERATING).exists()
    assert world.epic(step).status == ItemStatus.COMPLETED


def _patiently(go_on: GoOn, member: GoingOn) -> None:
    """As a worker: one by one where a group fails."""
    try:
        go_on([member])
    except psycopg.errors.LockNotAvailable:
        _singly([member])


def test_one_that_was_overtaken_changes_nothing(go_on: GoOn) -> None:
    world = World.make(epics=4, lanes=2)
    first, second = steps_of(world)
    Lane.objects.filter(id=first.fence.lane_id).update(fencing_token=F("fencing_token") + 1)
    late, other = go_on([going_on(first), going_on(second)])
    assert late is None
    assert other
    assert world.epic(first).status == ItemStatus.GENERATING
    assert Story.objects.count() == 2


def test_a_second_time_it_changes_nothing(go_on: GoOn) -> None:
    world = World.make(epics=4, lanes=1)
    (step,) = steps_of(world)
    member = going_on(step)
    assert go_on([member]) != [None]
    assert go_on([member]) == [None]
    assert ProviderCall.objects.count() == 2
    assert RunItem.objects.filter(status="GENERATING").count() == 1


def test_what_a_budget_does_not_have_is_not_begun_and_nothing_ends(go_on: GoOn) -> None:
    world = World.make(epics=3, lanes=1)
    run_budget_set(run_id=world.run.id, micro_usd=10_000_000)
    (step,) = [world.claim(holding=1)]
    assert step
    with pytest.raises(psycopg.Error) as refused:
        go_on([going_on(step, held=20_000_000)])
    assert isinstance(refusal_of(refused.value), BudgetRefused)
    with pytest.raises(psycopg.Error) as unpriced:
        go_on([going_on(step, held=None)])
    assert isinstance(refusal_of(unpriced.value), PriceMissing)
    assert world.epic(step).status == ItemStatus.GENERATING
    assert Budget.objects.get().held_micro_usd == 1
    assert claims_in(go_on([going_on(step, held=7)])) != [None]
    assert Budget.objects.get().held_micro_usd == 7


def test_what_ends_is_let_go_before_what_begins_is_held(go_on: GoOn) -> None:
    world = World.make(epics=3, lanes=1)
    run_budget_set(run_id=world.run.id, micro_usd=_COST + 20_000)
    step = world.claim(holding=20_000)
    assert step
    assert claims_in(go_on([going_on(step, held=20_000)])) != [None]
    told = RunLog.objects.order_by("id").values_list("item_code", flat=True)
    assert list(told)[-3:] == ["E1", "E1", "E2"]


def test_a_pause_waits_for_it_and_counts_what_it_claimed() -> None:
    world = World.make(epics=3, lanes=1)
    (step,) = steps_of(world)
    paused: list[int | None] = []
    with transaction.atomic():
        execute_here(lane_go_on(going_on(step)))
        pause = elsewhere(
            lambda: paused.append(halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Wait."))
        )
        wait_for(somebody_waits, "the pause waits")
    pause.join(10)
    assert paused == [1]


def test_none_goes_on_before_a_pause_that_waits_for_a_claim() -> None:
    world = World.make(epics=4, lanes=2)
    first, second = world.fences()
    step = world.claim(second)
    assert step
    late: list[Moved | None] = []
    with transaction.atomic():
        claiming = Claiming(fence=first, call_id=new_id())
        execute_here(lane_claim(claiming, worker_id=world.worker.id))
        pause = elsewhere(partial(halt, run_id=world.run.id, to=RunStatus.PAUSED, message="Wait."))
        wait_for(somebody_waits, "the pause waits")
        end = elsewhere(lambda: late.append(run(lane_go_on(going_on(step)))))
        end.join(0.3)
        assert late == []
    pause.join(10)
    end.join(10)
    assert claims_in(late) == [None]
    assert late[0]


def test_it_takes_the_run_before_its_lane() -> None:
    """As a cancel does, which else would wait for an end that waits for it."""
    statement = _statement()
    with transaction.atomic():
        Run.objects.select_for_update(no_key=True).get()
        thread = elsewhere(lambda: run(statement))
        wait_for(somebody_waits, "the end waits")
        assert_nobody_takes(Lane)
    thread.join(10)


def test_it_takes_no_row_before_its_budgets_may_be_made() -> None:
    """Who makes one waits for the rows of all calls under way."""
    statement = _statement()
    with transaction.atomic():
        budgets_hold("pg_advisory_xact_lock")
        thread = elsewhere(lambda: run(statement))
        wait_for(somebody_waits, "the end waits")
        assert_nobody_takes(Lane)
    thread.join(10)
    assert ProviderCall.objects.count() == 2


def _statement() -> Statement[Moved | None]:
    world = World.make(epics=2, lanes=1)
    (step,) = steps_of(world)
    return lane_go_on(going_on(step))
