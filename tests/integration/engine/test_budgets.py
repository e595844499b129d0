"""Budgets: what calls may cost is held before they begin, and no call begins that does not fit."""

from collections.abc import Callable
from datetime import date
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction

from batchgen.db.ids import new_id
from batchgen.db.sql import run as run_statement
from runs.engine import budget_waits
from runs.engine.budgets import run_budget_set
from runs.engine.calls import call_book, call_hold, call_next
from runs.engine.claims import Claiming, lanes_claim
from runs.engine.ledger import ledger_drift
from runs.engine.refusals import BudgetRefused, PriceMissing, refusal_of
from runs.models import Budget, Lane, ProviderCall, Run
from runs.states import CallOutcome, LaneState, RunStatus
from tests.integration.engine import hands
from tests.integration.engine.test_ledger import lost
from tests.integration.engine.world import SPEND, Step, World, assert_booked, assert_counted
from tests.threads import race

pytestmark = pytest.mark.django_db(transaction=True)

HOLD = 100
#: What SPEND costs.
COST = 10_400


def limited(micro_usd: int, *, epics: int = 3, lanes: int = 3) -> World:
    """A run that may spend so much."""
    world = World.make(epics=epics, lanes=lanes)
    run_budget_set(run_id=world.run.id, micro_usd=micro_usd)
    return world


def figures(**where: object) -> tuple[int, int, int]:
    """Spent, held and possibly spent."""
    budget = Budget.objects.get(**where)
    return budget.spent_micro_usd, budget.held_micro_usd, budget.possibly_micro_usd


def refused(work: Callable[[], object]) -> BudgetRefused | PriceMissing:
    """What a statement is refused with."""
    with pytest.raises(psycopg.Error) as caught:
        work()
    refusal = refusal_of(caught.value)
    assert refusal
    return refusal


def month_set(
    scope: str, micro_usd: int, *, project_id: UUID | None = None, month: str = ""
) -> None:
    """A month's budget."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT runs_budget_set(%s, NULL, %s,"
            " COALESCE(NULLIF(%s, '')::date, runs_month(clock_timestamp())), %s)",
            [scope, project_id, month, micro_usd],
        )


def next_call(step: Step, *, holding: int) -> UUID | None:
    """The attempt's next call; its id."""
    after = new_id()
    begun = run_statement(
        call_next(
            fence=step.fence,
            call_id=step.call_id,
            next_call_id=after,
            spend=SPEND,
            response={"key": "generate", "text": "t", "stopReason": "end_turn"},
            purpose="repair",
            model="m",
            held_micro_usd=holding,
        )
    )
    return after if begun else None


@pytest.mark.usefixtures("grouping")
def test_a_call_holds_what_it_may_cost_and_is_settled_at_what_it_did() -> None:
    world = limited(20_000)
    step = world.claim(holding=HOLD)
    assert step
    assert figures() == (0, HOLD, 0)
    assert_booked(world.run)
    world.finish(step)
    assert figures() == (COST, 0, 0)
    assert_counted(world.run)


@pytest.mark.usefixtures("grouping")
def test_a_call_that_does_not_fit_does_not_begin() -> None:
    world = limited(HOLD - 1)
    refusal = refused(lambda: world.claim(holding=HOLD))
    assert isinstance(refusal, BudgetRefused)
    assert (refusal.budget_id, refusal.need) == (Budget.objects.get().pk, HOLD)
    assert not ProviderCall.objects.exists()
    assert set(Lane.objects.values_list("state", flat=True)) == {LaneState.SENT}
    assert figures() == (0, 0, 0)


def test_a_call_that_fits_to_the_last_micro_dollar_begins() -> None:
    world = limited(HOLD)
    assert world.claim(holding=HOLD)
    assert isinstance(refused(lambda: world.claim(holding=1)), BudgetRefused)


@pytest.mark.usefixtures("grouping")
def test_where_a_budget_applies_a_call_without_a_price_does_not_begin() -> None:
    world = limited(HOLD)
    assert isinstance(refused(lambda: world.claim(holding=None)), PriceMissing)
    run_budget_set(run_id=world.run.id, micro_usd=None)
    assert world.claim(holding=None)


def test_of_a_group_that_does_not_fit_nothing_begins() -> None:
    world = limited(2 * HOLD, epics=3, lanes=3)
    group = [
        Claiming(fence=fence, call_id=new_id(), held_micro_usd=HOLD) for fence in world.fences()
    ]
    refusal = refused(lambda: run_statement(lanes_claim(group, worker_id=world.worker.id)))
    assert isinstance(refusal, BudgetRefused)
    assert refusal.need == 3 * HOLD
    assert not ProviderCall.objects.exists()
    answers = run_statement(lanes_claim(group[:2], worker_id=world.worker.id))
    assert all(answers)
    assert figures() == (0, 2 * HOLD, 0)


def test_of_claims_at_the_same_time_those_begin_that_fit() -> None:
    world = limited(3 * HOLD, epics=12, lanes=12)
    fences = world.fences()
    answers = race(*[lambda fence=fence: world.claim(fence, holding=HOLD) for fence in fences])
    begun = [answer for answer in answers if isinstance(answer, Step)]
    assert len(begun) == 3
    errors = [answer for answer in answers if isinstance(answer, psycopg.Error)]
    assert len(errors) == 9
    assert all(isinstance(refusal_of(error), BudgetRefused) for error in errors)
    assert_booked(world.run)


def test_a_first_call_is_settled_before_the_next_one_holds() -> None:
    world = limited(COST + HOLD, epics=1, lanes=1)
    step = world.claim(holding=COST + HOLD)
    assert step
    assert next_call(step, holding=HOLD)
    assert figures() == (COST, HOLD, 0)
    assert_booked(world.run)


def test_a_next_call_that_does_not_fit_leaves_the_first_as_it_was() -> None:
    world = limited(COST + HOLD, epics=1, lanes=1)
    step = world.claim(holding=COST)
    assert step
    assert isinstance(refused(lambda: next_call(step, holding=HOLD + 1)), BudgetRefused)
    assert ProviderCall.objects.get().outcome == CallOutcome.STARTED
    assert figures() == (0, COST, 0)


def test_more_is_held_for_a_call_where_it_fits() -> None:
    world = limited(HOLD + 5, epics=1, lanes=1)
    step = world.claim(holding=HOLD)
    assert step
    for more in (HOLD + 5, HOLD + 5, HOLD):
        run_statement(call_hold(call_id=step.call_id, held_micro_usd=more))
    assert figures() == (0, HOLD + 5, 0)
    refusal = refused(
        lambda: run_statement(call_hold(call_id=step.call_id, held_micro_usd=HOLD + 6))
    )
    assert isinstance(refusal, BudgetRefused)
    assert refusal.need == 1
    assert_booked(world.run)


def test_a_call_that_was_not_made_costs_nothing() -> None:
    world = limited(HOLD, epics=1, lanes=1)
    step = world.claim(holding=HOLD)
    assert step
    hands.give_back(
        fence=step.fence,
        call_id=step.call_id,
        reason="budget",
        message=".",
        wait_s=1,
        refund=True,
        call_outcome=CallOutcome.NOT_MADE,
    )
    assert figures() == (0, 0, 0)


def test_a_lost_call_counts_at_the_most_that_it_can_have_cost_until_it_is_known() -> None:
    world = limited(HOLD, epics=1, lanes=1)
    step = world.claim(holding=HOLD)
    assert step
    lost(world)
    assert figures() == (0, 0, HOLD)
    run_statement(
        call_book(lane_id=step.fence.lane_id, call_id=step.call_id, spend=SPEND, response=None)
    )
    assert figures() == (COST, 0, 0)
    assert_counted(world.run)


def test_what_was_possibly_spent_is_gone() -> None:
    world = limited(2 * HOLD)
    assert world.claim(holding=HOLD)
    lost(world)
    assert isinstance(refused(lambda: world.claim(holding=HOLD + 1)), BudgetRefused)
    assert world.claim(holding=HOLD)


def test_calls_end_whatever_the_limit_is_by_then() -> None:
    world = limited(3 * HOLD)
    steps = [world.claim(holding=HOLD) for _ in range(2)]
    run_budget_set(run_id=world.run.id, micro_usd=0)
    for step in steps:
        assert step
        assert world.finish(step)
    assert figures() == (2 * COST, 0, 0)


def test_a_budget_counts_what_was_spent_and_held_before_it() -> None:
    world = World.make(epics=4, lanes=4)
    done, lost_one = (world.claim(holding=HOLD) for _ in range(2))
    assert done
    assert lost_one
    world.finish(done)
    lost(world)
    world.worker.stopped_at = None
    world.worker.save()
    still = world.claim(holding=HOLD)
    assert still
    with transaction.atomic():
        Run.objects.select_for_update().get(id=world.run.id)
        run_budget_set(run_id=world.run.id, micro_usd=1)
    assert figures() == (COST, HOLD, HOLD)
    assert isinstance(refused(lambda: world.claim(holding=1)), BudgetRefused)
    run_statement(
        call_book(
            lane_id=lost_one.fence.lane_id, call_id=lost_one.call_id, spend=SPEND, response=None
        )
    )
    world.finish(still)
    assert figures() == (3 * COST, 0, 0)
    assert_booked(world.run)


def test_months_of_the_project_and_of_the_installation_count_with_the_run() -> None:
    world = limited(10 * HOLD)
    month_set("project", 2 * HOLD, project_id=world.run.project_id)
    month_set("installation", HOLD)
    month_set("installation", 0, month="2001-01-01")
    month_set("project", 0, project_id=new_id())
    step = world.claim(holding=HOLD)
    assert step
    refusal = refused(lambda: world.claim(holding=HOLD))
    assert isinstance(refusal, BudgetRefused)
    assert Budget.objects.get(id=refusal.budget_id).scope == "installation"
    assert figures(scope="project", project_id=world.run.project_id) == (0, HOLD, 0)
    world.finish(step)
    counted = Budget.objects.filter(spent_micro_usd=COST).values_list("scope", flat=True)
    assert sorted(counted) == ["installation", "project", "run"]


def test_a_call_counts_in_the_month_that_held_it() -> None:
    world = World.make(epics=1, lanes=1)
    month_set("installation", HOLD)
    step = world.claim(holding=HOLD)
    assert step
    month_now = Budget.objects.get().month
    # As if that month were over.
    Budget.objects.update(month=date(2001, 1, 1))
    month_set("installation", HOLD)
    world.finish(step)
    assert figures(month=date(2001, 1, 1)) == (COST, 0, 0)
    assert figures(month=month_now)[1] == 0


def test_a_month_begins_and_ends_in_utc_wherever_a_session_is() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Pacific/Kiritimati'")
        cursor.execute(
            "SELECT runs_month('2026-12-01T00:59+01'), runs_month('2026-11-30T23:59-01')"
        )
        assert cursor.fetchone() == (date(2026, 11, 1), date(2026, 12, 1))


def test_a_call_of_the_month_before_is_not_counted_by_a_budget_that_is_made_after_it() -> None:
    world = World.make(epics=2, lanes=2)
    before, step = world.claim(holding=HOLD), world.claim(holding=HOLD)
    assert before
    assert step
    ProviderCall.objects.filter(id=before.call_id).update(started_at="2001-01-31T23:59:59Z")
    month_set("installation", HOLD)
    month_set("installation", HOLD, month="2001-01-01")
    month_set("installation", HOLD, month="2001-02-01")
    months = Budget.objects.order_by("month")
    assert list(months.values_list("held_micro_usd", flat=True)) == [HOLD, 0, HOLD]
    world.finish(before)
    world.finish(step)
    assert list(months.values_list("spent_micro_usd", flat=True)) == [COST, 0, COST]
    assert ledger_drift() == []


def test_what_calls_of_a_deleted_project_held_is_possibly_spent() -> None:
    world = limited(10 * HOLD, epics=2, lanes=2)
    month_set("project", 10 * HOLD, project_id=world.run.project_id)
    month_set("installation", 10 * HOLD)
    step, late = world.claim(holding=HOLD), world.claim(holding=HOLD)
    assert step
    assert late
    world.finish(step)
    world.run.project.delete()
    assert not ProviderCall.objects.exists()
    for scope in ("run", "project", "installation"):
        assert figures(scope=scope) == (COST, 0, HOLD)
    assert world.finish(late) is None
    run_statement(
        call_book(lane_id=late.fence.lane_id, call_id=late.call_id, spend=SPEND, response=None)
    )
    assert figures(scope="installation") == (COST, 0, HOLD)
    assert ledger_drift() == []


def test_a_run_is_not_paused_where_a_call_has_begun_since_somebody_looked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = limited(HOLD)
    refusal = refused(lambda: world.claim(holding=HOLD + 1))
    assert isinstance(refusal, BudgetRefused)
    step = world.claim(holding=HOLD)
    assert step
    monkeypatch.setattr(budget_waits, "budget_rests", lambda _: True)
    assert budget_waits.budget_wait(run_id=world.run.id, refused=refusal)
    assert Run.objects.get().status == RunStatus.RUNNING
    world.finish(step)
    assert budget_waits.budget_wait(run_id=world.run.id, refused=refusal) is None
    assert Run.objects.get().error_code == "BUDGET_REACHED"
