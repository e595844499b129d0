"""Runs under budgets, with calls to the simulator: its bill is what the provider would ask for."""

import asyncio
import os
from random import Random

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Max

from runs.engine.budget_waits import budgets_tell
from runs.engine.budgets import run_budget_set
from runs.engine.controls import run_control
from runs.engine.lanes import Fence, lanes_dispatch, lanes_reclaim
from runs.engine.ledger import Reconciled, calls_reconcile, ledger_drift, took_of
from runs.engine.transitions import run_finalize
from runs.models import (
    Budget,
    Lane,
    LedgerLine,
    ProviderCall,
    Run,
    RunAction,
    RunItem,
    RunLog,
    Worker,
)
from runs.states import LaneState, RunStatus
from tests.acceptance.fleet import wait_for
from tests.conftest import Simulator
from tests.integration.engine.bench import Bench, request_make
from tests.integration.engine.test_ledger import lost
from tests.integration.engine.world import (
    FIRST_CALL,
    World,
    assert_booked,
    assert_counted,
    attempt_make,
    halt,
    worker_make,
)
from tests.threads import elsewhere
from workers.engine import Engine
from workers.holds import Holds, least_of
from workers.permits import FirstCall

pytestmark = pytest.mark.django_db(transaction=True)

#: Runs with random budgets and deaths; more of them by the environment.
SEEDS = range(int(os.environ.get("BATCHGEN_TEST_BUDGET_RUNS", "3")))


#: No run here needs as many.
_ROUNDS = 60


class Drive:
    """Takes a run's lanes on, as its workers and the reconciler would."""

    def __init__(self, world: World, bench: Bench) -> None:
        self.world, self.bench = world, bench

    def round(self, *, dies_after_s: float | None = None) -> bool:
        """Have each lane that may go on do one item, all at the same time; whether one was there.

        Args:
            dies_after_s: the worker dies then, in the middle of all that it does.
        """
        run_id = self.world.run.id
        lanes_reclaim()
        Lane.objects.filter(state=LaneState.PARKED).update(wake_at="2000-01-01T00:00:00Z")
        lanes_dispatch(run_id=run_id)
        fences = self.world.fences()
        engine = self.bench.engine(self.world.worker.id)
        self.bench.loop.run(self._work(engine, fences, dies_after_s))
        if dies_after_s is not None:
            Worker.objects.filter(id=self.world.worker.id).update(
                lease_until="2000-01-01T00:00:00Z"
            )
            self.world.worker = worker_make()
        run_finalize(run_id=run_id)
        return bool(fences)

    async def _work(self, engine: Engine, fences: list[Fence], dies_after_s: float | None) -> None:
        first_call = {**FIRST_CALL, "run": str(self.world.run.id)}
        tasks = [
            asyncio.create_task(engine.links.work(request_make(fence, first_call)))
            for fence in fences
        ]
        if tasks:
            await asyncio.wait(tasks, timeout=dies_after_s)
        for task in tasks:
            task.cancel()
        for end in await asyncio.gather(*tasks, return_exceptions=True):
            assert not isinstance(end, Exception), end

    def to_its_end(self) -> Run:
        """As long as a lane may go on."""
        for _ in range(_ROUNDS):
            if not self.round():
                break
        return Run.objects.get(id=self.world.run.id)


def make(
    bench: Bench,
    simulator: Simulator,
    *,
    micro_usd: int | None = None,
    epics: int = 4,
    lanes: int = 2,
) -> tuple[World, Drive]:
    """A run that may spend so much."""
    world = World.make(epics=epics, lanes=lanes, begin=False)
    if micro_usd is not None:
        run_budget_set(run_id=world.run.id, micro_usd=micro_usd)
    return world, Drive(world, bench)


def billed(simulator: Simulator) -> int:
    """The simulator's own bill, in micro-dollars."""
    return int(simulator.bill()["micro_usd"])


def raised(world: World, micro_usd: int) -> None:
    """More may be spent, and the run goes on."""
    run_budget_set(run_id=world.run.id, micro_usd=micro_usd)
    run = Run.objects.get(id=world.run.id)
    user = world.run.created_by
    assert user
    run_control(run=run, action="resume", user=user)


@pytest.mark.parametrize("format_is_input", [0, 1])
def test_the_ledger_is_the_providers_bill(
    format_is_input: int, bench: Bench, simulator: Simulator
) -> None:
    """What a call held covers it, with the form of its answer, too."""
    simulator.config(format_is_input=format_is_input)
    world, drive = make(bench, simulator)
    assert drive.to_its_end().status == RunStatus.SUCCEEDED
    lines = LedgerLine.objects.filter(run_id=world.run.id)
    assert sum(line.cost_micro_usd or 0 for line in lines) == billed(simulator) > 0
    calls = ProviderCall.objects.all()
    assert all((call.held_micro_usd or 0) >= (call.cost_usd or 0) * 1_000_000 for call in calls)
    assert_counted(world.run)


def test_a_run_is_paused_where_its_next_call_does_not_fit_and_goes_on_once_it_does(
    bench: Bench, simulator: Simulator
) -> None:
    limit = 150_000
    world, drive = make(bench, simulator, micro_usd=limit, epics=8)
    run = drive.to_its_end()
    assert (run.status, run.error_code) == (RunStatus.PAUSED, "BUDGET_REACHED")
    assert "Raise budgetUsd of the run, then resume." in run.error
    budget = Budget.objects.get()
    assert billed(simulator) == budget.spent_micro_usd <= limit
    assert (budget.held_micro_usd, budget.possibly_micro_usd) == (0, 0)
    most = ProviderCall.objects.aggregate(most=Max("held_micro_usd"))["most"]
    assert limit - budget.spent_micro_usd < most
    paused = RunAction.objects.get(kind="pause")
    assert (paused.actor, paused.details["reason"]) == ("batchgen", "BUDGET_REACHED")
    assert set(Lane.objects.values_list("state", flat=True)) == {LaneState.IDLE}
    assert_booked(world.run)

    raised(world, 2_000_000)
    assert drive.to_its_end().status == RunStatus.SUCCEEDED
    assert billed(simulator) == Budget.objects.get().spent_micro_usd
    assert_counted(world.run)


def test_lanes_wait_while_calls_under_way_hold_what_is_left(
    bench: Bench, simulator: Simulator
) -> None:
    first = FirstCall.of(FIRST_CALL)
    least = least_of(first).micro_usd
    assert least
    _, drive = make(bench, simulator, micro_usd=2 * least, epics=4, lanes=4)
    simulator.config(latency_ms=300)
    drive.round()
    reasons = Lane.objects.filter(state=LaneState.PARKED).values_list("wait_reason", flat=True)
    assert set(reasons) == {"budget"}
    assert Run.objects.get().status == RunStatus.RUNNING
    assert 1 <= ProviderCall.objects.count() < 4
    assert billed(simulator) <= 2 * least


def test_a_run_whose_first_call_does_not_fit_is_paused_before_it(
    bench: Bench, simulator: Simulator
) -> None:
    _, drive = make(bench, simulator, micro_usd=1)
    run = drive.to_its_end()
    assert (run.status, run.error_code) == (RunStatus.PAUSED, "BUDGET_REACHED")
    assert not ProviderCall.objects.exists()
    assert RunItem.objects.filter(attempt__gt=0).count() == 0
    assert billed(simulator) == 0


def test_a_run_is_not_paused_for_what_a_call_was_thought_to_hold(
    bench: Bench, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others' calls ended just when its claim had found no room: its prompt was not looked at."""
    monkeypatch.setitem(FIRST_CALL, "inputTokens", 6_000)
    thought = Holds().first(FirstCall.of(FIRST_CALL)).micro_usd
    assert thought
    _, drive = make(bench, simulator, micro_usd=thought - 1, epics=1, lanes=1)
    monkeypatch.setattr("workers.links.budget_rests", lambda _: False)
    drive.round()
    assert Run.objects.get().status == RunStatus.RUNNING
    assert Lane.objects.get().wait_reason == "budget"
    monkeypatch.undo()
    assert drive.to_its_end().status == RunStatus.SUCCEEDED
    assert billed(simulator) <= thought - 1


def test_a_budget_that_is_taken_away_lets_lanes_go_on_that_wait_for_it(
    bench: Bench, simulator: Simulator
) -> None:
    world, drive = make(bench, simulator, micro_usd=200_000, epics=3, lanes=3)
    simulator.config(latency_ms=300)
    drive.round()
    assert Lane.objects.filter(wait_reason="budget").exists()
    run_budget_set(run_id=world.run.id, micro_usd=None)
    assert drive.to_its_end().status == RunStatus.SUCCEEDED
    assert billed(simulator) == Budget.objects.get().spent_micro_usd
    assert_counted(world.run)


def test_a_prompt_that_is_longer_than_was_thought_holds_more_before_its_call(
    bench: Bench, simulator: Simulator
) -> None:
    """At the end of a budget less is held in the claim: the prompt decides, and is not sent."""
    first = FirstCall.of(FIRST_CALL)
    least = least_of(first).micro_usd
    assert least
    world, drive = make(bench, simulator, micro_usd=least + 1, lanes=1)
    run = drive.to_its_end()
    assert (run.status, run.error_code) == (RunStatus.PAUSED, "BUDGET_REACHED")
    assert ProviderCall.objects.get().outcome == "NOT_MADE"
    assert RunItem.objects.filter(attempt__gt=0).count() == 0
    assert simulator.stats()["calls"] == []
    assert not LedgerLine.objects.exists()
    assert_booked(world.run)


def test_a_repair_that_does_not_fit_keeps_the_answer_until_the_budget_is_raised(
    bench: Bench, simulator: Simulator
) -> None:
    world, drive = make(bench, simulator, micro_usd=5_000_000, epics=1, lanes=1)
    simulator.faults([{"match": {"epic": "E1"}, "times": 1, "action": {"type": "weak_stories"}}])
    simulator.config(latency_ms=1_000)
    attempt = attempt_make(world, bench)
    assert attempt
    thread = elsewhere(attempt.run)
    wait_for(lambda: simulator.stats()["calls"], "the first call is under way")
    run_budget_set(run_id=world.run.id, micro_usd=1)
    thread.join(10)
    run = Run.objects.get()
    assert (run.status, run.error_code) == (RunStatus.PAUSED, "BUDGET_REACHED")
    (call,) = ProviderCall.objects.all()
    assert call.response
    assert (call.outcome, call.response["key"]) == ("ANSWERED", "generate")
    assert billed(simulator) == Budget.objects.get().spent_micro_usd
    simulator.config(latency_ms=0)
    raised(world, 5_000_000)
    assert drive.to_its_end().status == RunStatus.SUCCEEDED
    assert len(simulator.stats()["calls"]) == 2
    assert_counted(world.run)


def test_a_call_that_is_given_up_on_its_way_was_possibly_billed(
    bench: Bench, simulator: Simulator
) -> None:
    world, _ = make(bench, simulator, micro_usd=1_000_000, epics=1, lanes=1)
    simulator.faults([{"action": {"type": "stall"}, "times": 1}])
    attempt = attempt_make(world, bench)
    assert attempt
    thread = elsewhere(attempt.run)
    wait_for(lambda: simulator.stats()["calls"], "the call is under way")
    attempt.abort()
    thread.join(5)
    line = LedgerLine.objects.get()
    held = ProviderCall.objects.get().held_micro_usd
    assert (line.certainty, line.cost_micro_usd) == ("possibly", held)
    assert Budget.objects.get().possibly_micro_usd == held
    assert_booked(world.run)


def test_a_model_without_a_price_pauses_its_run_where_a_budget_applies(
    bench: Bench, simulator: Simulator
) -> None:
    world, _ = make(bench, simulator, micro_usd=1_000_000)
    first_call = {**FIRST_CALL, "run": str(world.run.id), "model": "local-1"}
    request = request_make(world.fences()[0], first_call)
    assert not bench.loop.run(bench.engine(world.worker.id).links.work(request))
    run = Run.objects.get()
    assert (run.status, run.error_code) == (RunStatus.PAUSED, "PRICE_UNKNOWN")
    assert not ProviderCall.objects.exists()


def test_each_part_of_a_budget_is_told_once_until_it_is_changed(
    bench: Bench, simulator: Simulator
) -> None:
    world, drive = make(bench, simulator, micro_usd=150_000, epics=8, lanes=1)
    drive.to_its_end()
    lines = RunLog.objects.filter(message__contains="is used up")
    told = [line.message.split(" % ")[0] for line in lines.order_by("id")]
    assert told == ["50", "80", "95", "100"]
    budgets_tell()
    assert lines.count() == 4
    halt(run_id=world.run.id, to=RunStatus.CANCELLED, message="Over.")


def reconciled(simulator: Simulator) -> Reconciled:
    """Calls in doubt are settled by the simulator's books."""
    return calls_reconcile(
        provider=Run.objects.all()[0].provider,
        billed_lines=lambda marker: [
            took_of(line["lane"], line["usage"]) for line in simulator.usage(marker=marker)
        ],
    )


def test_calls_in_doubt_are_settled_by_the_providers_books(
    bench: Bench, simulator: Simulator
) -> None:
    world, drive = make(bench, simulator, micro_usd=2_000_000, epics=2, lanes=1)
    drive.round()
    assert attempt_make(world, bench)
    lost(world)
    before = Budget.objects.get()
    assert before.possibly_micro_usd == ProviderCall.objects.get(outcome="LOST").held_micro_usd
    assert ledger_drift() == []
    assert reconciled(simulator) == Reconciled(billed=0, unbilled=1)
    after = Budget.objects.get()
    assert (after.spent_micro_usd, after.possibly_micro_usd) == (before.spent_micro_usd, 0)
    assert billed(simulator) == after.spent_micro_usd
    assert reconciled(simulator) == Reconciled()
    assert_counted(world.run)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE runs_lane SET cost_usd = cost_usd + 1", "run"),
        ("UPDATE runs_budget SET held_micro_usd = 1", "budget"),
        ("UPDATE runs_budget SET spent_micro_usd = 1", "budget"),
        ("ALTER TABLE runs_providercall DISABLE TRIGGER runs_calls_book", "call"),
    ],
)
def test_a_drift_is_found(change: str, what: str) -> None:
    world = World.make(epics=1, lanes=1)
    run_budget_set(run_id=world.run.id, micro_usd=1_000_000)
    step = world.claim(holding=1)
    assert step
    with connection.cursor() as cursor:
        if what == "call":
            cursor.execute(change)
        world.finish(step)
        if what == "call":
            cursor.execute("ALTER TABLE runs_providercall ENABLE TRIGGER runs_calls_book")
        else:
            assert ledger_drift() == []
            cursor.execute(change)
    assert what in {row["what"] for row in ledger_drift()}
    with pytest.raises(CommandError, match="figures are not"):
        call_command("ledger", "check")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_bill_never_exceeds_the_budget(seed: int, bench: Bench, simulator: Simulator) -> None:
    """Random budgets, lanes, answers and deaths of workers; raised, every run comes to its end."""
    random = Random(seed)
    limit = random.randint(100_000, 700_000)
    lanes = random.randint(1, 6)
    world, drive = make(bench, simulator, micro_usd=limit, epics=8, lanes=lanes)
    simulator.config(latency_ms=random.choice([0, 30, 100]))
    simulator.faults(
        [
            {"match": {"epic": f"E{random.randint(1, 8)}"}, "times": 1, "action": action}
            for action in (
                {"type": "error", "status": 500},
                {"type": "reset"},
                {"type": "weak_stories"},
                {"type": "error", "status": 529},
            )
        ]
    )
    deaths = 3
    for _ in range(_ROUNDS):
        if Run.objects.get().status not in (RunStatus.QUEUED, RunStatus.RUNNING):
            break
        dies = deaths > 0 and random.random() < 0.5
        deaths -= dies
        drive.round(dies_after_s=random.uniform(0, 0.3) if dies else None)
        budget = Budget.objects.get()
        certain = budget.spent_micro_usd
        uncertain = budget.possibly_micro_usd + budget.held_micro_usd
        assert certain <= billed(simulator) <= certain + uncertain <= limit
        assert_booked(world.run)
    run = Run.objects.get()
    if run.status == RunStatus.PAUSED:
        assert run.error_code == "BUDGET_REACHED"
        raised(world, 20_000_000)
        drive.to_its_end()
    assert Run.objects.get().completed_at
    assert_counted(world.run)
    reconciled(simulator)
    assert billed(simulator) == Budget.objects.get().spent_micro_usd
    assert not Budget.objects.get().possibly_micro_usd
    assert_counted(world.run)
    assert ledger_drift() == []
