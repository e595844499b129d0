"""The ledger: each call has its line, whatever becomes of it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection
from django.utils.timezone import now

from batchgen.db.ids import new_id
from batchgen.db.sql import run as run_statement
from runs.engine.budgets import run_budget_set
from runs.engine.calls import call_book, call_next
from runs.engine.lanes import lanes_reclaim
from runs.engine.outcomes import Outcome, Spend
from runs.models import Budget, LedgerLine, ProviderCall, Run, Worker
from runs.states import CallOutcome, ItemStatus
from tests.integration.engine import hands
from tests.integration.engine.world import (
    SPEND,
    Step,
    World,
    assert_booked,
    assert_counted,
    lines_of,
)

pytestmark = pytest.mark.django_db(transaction=True)

HOLD = 120_000


def begun(world: World | None = None) -> tuple[World, Step]:
    """A call that is under way."""
    world = world or World.make(epics=1, lanes=1)
    step = world.claim(holding=HOLD)
    assert step
    return world, step


def lost(world: World) -> None:
    """The worker dies, and its item is taken back."""
    Worker.objects.filter(id=world.worker.id).update(stopped_at=now())
    assert lanes_reclaim()


@pytest.mark.usefixtures("grouping")
def test_a_finished_call_has_one_line_that_says_what_it_took() -> None:
    world, step = begun()
    assert not lines_of(world.run).exists()
    world.finish(step)
    line = LedgerLine.objects.get(call_id=step.call_id)
    call = ProviderCall.objects.get(id=step.call_id)
    assert (line.project_id, line.run_id, line.item_id) == (
        world.run.project_id,
        world.run.id,
        step.fence.item_id,
    )
    assert (line.at, line.model, line.purpose, line.lane) == (
        call.started_at,
        call.model,
        "generate",
        "realtime",
    )
    assert (line.certainty, line.input_tokens, line.output_tokens) == ("billed", 700, 900)
    assert (line.cost_micro_usd, line.corrects) == (10_400, None)
    assert_counted(world.run)


def test_cache_writes_are_kept_apart_by_how_long_they_last() -> None:
    _, step = begun()
    spend = Spend(
        input_tokens=1,
        cache_read_tokens=2,
        cache_write_tokens=70,
        cache_write_1h_tokens=30,
        output_tokens=5,
        cost_usd=Decimal("0.000007"),
    )
    hands.finish(
        fence=step.fence,
        call_id=step.call_id,
        outcome=Outcome(status=ItemStatus.SKIPPED, message="."),
        spend=spend,
        park_s=0,
    )
    line = LedgerLine.objects.get()
    assert (line.cache_write_5m_tokens, line.cache_write_1h_tokens) == (40, 30)
    assert (line.cache_read_tokens, line.cost_micro_usd) == (2, 7)


@pytest.mark.usefixtures("grouping")
@pytest.mark.parametrize(
    ("possibly_billed", "outcome", "expected"),
    [
        (False, CallOutcome.FAILED, [("unbilled", 0, 0)]),
        (True, CallOutcome.FAILED, [("possibly", None, HOLD)]),
        (False, CallOutcome.NOT_MADE, []),
    ],
)
def test_a_call_that_was_given_back_costs_what_it_may_have(
    possibly_billed: bool, outcome: CallOutcome, expected: list[tuple[str, int | None, int]]
) -> None:
    world, step = begun()
    assert hands.give_back(
        fence=step.fence,
        call_id=step.call_id,
        reason="backoff",
        message=".",
        wait_s=1,
        refund=True,
        possibly_billed=possibly_billed,
        call_outcome=outcome,
    )
    lines = lines_of(world.run).values_list("certainty", "input_tokens", "cost_micro_usd")
    assert list(lines) == expected
    assert ProviderCall.objects.get().outcome == outcome
    assert_booked(world.run)


def test_an_answer_that_does_not_say_what_it_took_costs_the_most_that_it_can() -> None:
    world, step = begun()
    hands.finish(
        fence=step.fence,
        call_id=step.call_id,
        outcome=Outcome(status=ItemStatus.SKIPPED, message="."),
        spend=Spend.unknown(request_id="r"),
        park_s=0,
    )
    line = LedgerLine.objects.get()
    assert (line.certainty, line.cost_micro_usd, line.output_tokens) == ("possibly", HOLD, None)
    assert_counted(world.run, kept=False)


def test_a_lost_call_was_possibly_billed_until_its_answer_is_booked() -> None:
    world, step = begun()
    lost(world)
    first = LedgerLine.objects.get()
    assert (first.certainty, first.cost_micro_usd) == ("possibly", HOLD)
    for _ in range(2):
        run_statement(
            call_book(lane_id=step.fence.lane_id, call_id=step.call_id, spend=SPEND, response=None)
        )
    later, again = LedgerLine.objects.order_by("-id")
    assert again == first
    assert (later.certainty, later.cost_micro_usd) == ("billed", 10_400)
    assert (later.corrects, later.call_id) == (first.id, first.call_id)
    assert_counted(world.run)


def test_each_call_of_an_item_has_a_line() -> None:
    world, step = begun()
    after = new_id()
    for _ in range(2):
        assert run_statement(
            call_next(
                fence=step.fence,
                call_id=step.call_id,
                next_call_id=after,
                spend=SPEND,
                response={"key": "generate", "text": "t", "stopReason": "end_turn"},
                purpose="repair",
                model="m",
                held_micro_usd=HOLD,
            )
        )
    assert LedgerLine.objects.get().call_id == step.call_id
    world.finish(Step(fence=step.fence, call_id=after, code=step.code))
    assert list(LedgerLine.objects.order_by("id").values_list("purpose", flat=True)) == [
        "generate",
        "repair",
    ]
    assert_counted(world.run)


def test_what_changes_nothing_that_is_known_makes_no_line() -> None:
    world, step = begun()
    world.finish(step)
    ProviderCall.objects.update(response={"key": "k"}, ended_at=now() + timedelta(seconds=1))
    assert LedgerLine.objects.count() == 1


@pytest.mark.parametrize(
    "change", ["UPDATE runs_ledgerline SET cost_micro_usd = 1", "DELETE FROM runs_ledgerline"]
)
def test_a_line_is_never_changed_nor_deleted(change: str) -> None:
    world, step = begun()
    world.finish(step)
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(change)
    assert LedgerLine.objects.get().cost_micro_usd == 10_400


def test_lines_outlive_their_run() -> None:
    world, step = begun()
    world.finish(step)
    Run.objects.get(id=world.run.id).delete()
    assert LedgerLine.objects.get().run_id == world.run.id


def test_a_run_that_is_deleted_leaves_what_its_calls_may_have_cost() -> None:
    world, step = begun()
    run_budget_set(run_id=world.run.id, micro_usd=HOLD)
    Run.objects.get(id=world.run.id).delete()
    line = LedgerLine.objects.get()
    assert (line.certainty, line.cost_micro_usd) == ("possibly", HOLD)
    assert (line.run_id, line.call_id) == (world.run.id, step.call_id)
    budget = Budget.objects.get()
    assert (budget.held_micro_usd, budget.possibly_micro_usd) == (0, HOLD)
