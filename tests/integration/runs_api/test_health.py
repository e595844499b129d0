"""`health` of a run: whether it goes on; if not, why, since when, and what to do."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from pytest_django import DjangoAssertNumQueries

from batchgen.db.clock import database_now
from batchgen.redis import client as redis
from providers.registry import limit_pool
from runs.closures import closure_write
from runs.engine.adaptive import lanes_adapt_all
from runs.engine.controls import run_control
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_break_circuit, run_finalize, run_move
from runs.gates import gate_close, gate_open
from runs.models import Lane, Run, RunAction, RunItem, Worker
from runs.reads.health import STUCK, WAITS
from runs.states import ItemStatus, LaneState, RunStatus, WaitReason
from tests.integration.engine import hands
from tests.integration.engine.world import World, halt, project_make, worker_make
from tests.integration.runs_api.world import client_of, get

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _empty_redis() -> Iterator[None]:
    redis.client().flushdb()
    yield
    redis.client().flushdb()


def health(world: World) -> dict[str, Any]:
    """As a run's read has it; a second look says the same, with the same `since`."""
    client = client_of("ada")
    first = get(client, f"/runs/{world.run.pk}")["data"]["health"]
    again = get(client, f"/runs/{world.run.pk}/progress")["data"]["health"]
    assert again == first
    (listed,) = (
        each for each in get(client, "/runs")["data"] if each["runId"] == str(world.run.pk)
    )
    assert listed["health"] == first
    return dict(first)


def told(world: World) -> tuple[str, str, str | None]:
    found = health(world)
    return found["verdict"], found["reason"], found["nextAction"]


def time_passes(by: timedelta) -> None:
    """All that was done in runs, and who works, is so much older."""
    Lane.objects.update(
        moved_at=F("moved_at") - by, claimed_at=F("claimed_at") - by, wake_at=F("wake_at") - by
    )
    Run.objects.update(created_at=F("created_at") - by, started_at=F("started_at") - by)


def test_a_run_that_begins_waits_for_a_worker() -> None:
    world = World.make(begin=False)
    assert told(world) == ("waiting", "Its epics wait for a worker.", None)
    assert (
        health(world)["since"]
        == get(client_of("ada"), f"/runs/{world.run.pk}")["data"]["createdAt"]
    )


def test_a_run_whose_items_are_under_way_flows() -> None:
    world = World.make(epics=6, lanes=2)
    world.claim()
    assert told(world) == ("flowing", "Epics are under way, up to 2 at the same time.", None)
    since = health(world)["since"]
    step = world.claim()
    assert step
    world.finish(step, park_s=5)
    assert health(world)["since"] == since


def test_between_two_short_calls_it_flows_and_later_it_waits_for_its_pacing() -> None:
    world = World.make(epics=3, lanes=1)
    step = world.claim()
    assert step
    world.finish(step, park_s=100)
    assert told(world)[0] == "flowing"
    time_passes(timedelta(seconds=20))
    verdict, reason, action = told(world)
    lane = Lane.objects.get(run=world.run)
    assert lane.wake_at
    due = f"{lane.wake_at:%Y-%m-%d %H:%M:%S} UTC"
    assert (verdict, action) == ("waiting", None)
    assert reason == (f"The pacing profile waits between two items; no lane is due before {due}.")
    assert health(world)["since"] == _json(lane.claimed_at)


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("permit-requests", "The limit of requests a minute is used up"),
        ("permit-input", "The limit of input tokens a minute is used up"),
        ("backoff", "Calls failed and are tried again"),
        ("rate-limit", "The provider refused calls for its rate limit"),
        ("turn", "Other runs' items come first"),
        ("budget", "Calls under way hold the rest of the budget"),
    ],
)
def test_what_most_lanes_wait_for_is_the_reason(reason: str, says: str) -> None:
    world = World.make(epics=6, lanes=3)
    _park(world, {reason: 2, "pacing": 1}, wake_s=30)
    verdict, told_reason, action = told(world)
    assert (verdict, action) == ("waiting", None)
    assert told_reason.startswith(says)


def test_every_reason_of_a_lane_has_words() -> None:
    of_items = {WaitReason.RUN_PAUSED, WaitReason.BATCH}
    assert {*WaitReason} - of_items <= set(WAITS)


def test_lanes_that_are_long_due_are_stuck() -> None:
    world = World.make(epics=6, lanes=3)
    _park(world, {"pacing": 3}, wake_s=1)
    time_passes(2 * MINUTE)
    verdict, reason, action = told(world)
    assert verdict == "stuck"
    assert "nobody sends them" in reason
    assert action == "Run `manage.py doctor` where the workers run, and mend what it finds."


def test_redis_that_is_away_is_waited_for_and_then_it_is_stuck() -> None:
    world = World.make(epics=6, lanes=3)
    _park(world, {"limiter-away": 3}, wake_s=100)
    assert told(world)[0] == "waiting"
    time_passes(STUCK)
    verdict, reason, action = told(world)
    assert (verdict, action) == ("stuck", "Bring Redis back.")
    assert reason == "The workers cannot reach Redis."


def test_without_a_worker_it_is_stuck_since_the_last_one_went() -> None:
    world = World.make()
    world.claim()
    Worker.objects.update(lease_until=database_now() - timedelta(seconds=1))
    gone = Worker.objects.get().lease_until
    assert told(world) == ("stuck", "No worker is alive.", "Start a worker.")
    assert health(world)["since"] == max(_json(gone), _json(world.run.created_at))
    worker_make("w2@test")
    assert told(world)[0] == "flowing"


def test_a_message_that_nobody_takes_is_stuck_after_a_minute() -> None:
    world = World.make(epics=6, lanes=2)
    time_passes(timedelta(seconds=50))
    assert told(world)[0] == "waiting"
    time_passes(timedelta(seconds=10))
    assert told(world) == (
        "stuck",
        "A worker is alive, and none takes an item.",
        "Run `manage.py doctor` where the workers run, and mend what it finds.",
    )
    assert world.claim()
    assert told(world)[0] == "flowing"


def test_a_run_behind_others_is_not_stuck() -> None:
    world = World.make(epics=6, lanes=2)
    time_passes(2 * MINUTE)
    other = World.make(epics=20, lanes=10, name="Other")
    step = other.claim()
    assert told(world)[:2] == ("waiting", "Other runs' items come first.")
    for _ in range(9):
        other.claim()
    Worker.objects.exclude(pk=world.worker.pk).delete()
    assert told(world) == (
        "waiting",
        "All 10 places of the workers are taken by other runs.",
        "Start another worker to go on sooner.",
    )
    assert step
    other.finish(step)
    Lane.objects.filter(run=other.run).update(claimed_at=F("claimed_at") - 2 * MINUTE)
    assert told(world)[0] == "stuck"


def test_a_gate_that_a_person_closed_says_who_and_until_when() -> None:
    world = World.make(epics=6, lanes=2)
    staff, _ = User.objects.get_or_create(username="sam", is_staff=True)
    until = database_now() + timedelta(hours=1)
    world.claim()
    gate_close(model=world.run.model, until=until, reason="Invoice first.", actor=staff)
    at = f"{until:%Y-%m-%d %H:%M:%S} UTC"
    assert told(world) == (
        "waiting",
        f"sam closed the gate of {world.run.model} until {at}: Invoice first.",
        f"Open the gate of {world.run.model} to go on sooner.",
    )
    gate_open(model=world.run.model, actor=staff)
    assert told(world)[0] == "flowing"


def test_a_gate_that_the_provider_closed_says_so() -> None:
    world = World.make(epics=6, lanes=2)
    closure_write(limit_pool(world.run.model), seconds=600, reason="RATE_LIMITED")
    verdict, reason, action = told(world)
    assert (verdict, action) == ("waiting", None)
    assert reason.startswith(
        f"The provider refused calls of {world.run.model} (RATE_LIMITED); none starts until 20"
    )
    closure_write(limit_pool("another-model"), seconds=600, reason="RATE_LIMITED")
    gate_open(model=world.run.model, actor=User.objects.create(username="root", is_staff=True))
    assert told(world)[1] == "Its epics wait for a worker."


def test_a_pause_says_whose_it_is() -> None:
    world = World.make(epics=6, lanes=2)
    world.claim()
    run_control(run=world.run, action="pause", user=User.objects.get(username="ada"))
    assert told(world) == ("waiting", "Paused by ada.", "Resume the run.")
    paused = RunAction.objects.get(run=world.run, kind="pause")
    assert health(world)["since"] == _json(paused.at)
    run_control(run=world.run, action="resume", user=User.objects.get(username="ada"))
    assert told(world)[0] == "flowing"


def test_failures_in_a_row_are_stuck_until_somebody_mends_them(settings: Any) -> None:
    settings.FAILURES_IN_A_ROW = 2
    world = World.make(epics=6, lanes=1)
    for _ in range(2):
        step = world.claim()
        assert step
        world.finish(step, status=ItemStatus.FAILED)
    assert run_break_circuit(run_id=world.run.pk, error_code="REFUSED")
    verdict, reason, action = told(world)
    assert (verdict, action) == ("stuck", "Mend what the failed items say, then resume the run.")
    assert reason.startswith("2 epics in a row failed with REFUSED.")


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("BUDGET_REACHED", "Raise the budget, then resume the run."),
        ("AUTHENTICATION", "Mend what the reason says, then resume the run."),
    ],
)
def test_what_paused_a_run_is_its_reason(code: str, action: str) -> None:
    world = World.make()
    run_move(
        run_id=world.run.pk,
        to=RunStatus.PAUSED,
        kind=RunAction.Kind.PAUSE,
        message="It says why.",
        error_code=code,
    )
    assert told(world) == ("stuck", "It says why.", action)


def test_the_last_items_and_what_a_cancel_leaves_flow_to_their_end() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    assert told(world)[:2] == ("flowing", "The last epics are under way.")
    halt(run_id=world.run.pk, to=RunStatus.CANCELLED, message="Cancelled by ada.")
    assert told(world) == ("flowing", "Cancelled; what had begun is being finished.", None)
    world.finish(step)
    run_finalize(run_id=world.run.pk)
    assert told(world) == ("ended", "Cancelled: 2 stories from 1 epic (1/1).", None)


def test_an_end_that_nobody_writes_is_stuck() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    world.finish(step)
    assert told(world)[0] == "flowing"
    time_passes(2 * MINUTE)
    assert told(world)[:2] == ("stuck", "All epics are over, and nobody writes its end.")


def test_an_end_with_failures_says_what_to_do_with_them() -> None:
    world = World.make(epics=2, lanes=1)
    for status in (ItemStatus.COMPLETED, ItemStatus.FAILED):
        step = world.claim()
        assert step
        world.finish(step, status=status)
    run_finalize(run_id=world.run.pk)
    found = health(world)
    assert (found["verdict"], found["nextAction"]) == ("ended", "Retry the failed epics.")
    assert found["reason"] == "Completed with errors: 2 stories from 1 epic (2/2)."
    run = get(client_of("ada"), f"/runs/{world.run.pk}")["data"]
    assert found["since"] == run["completedAt"]
    RunItem.objects.update(target_id=None)
    assert health(world)["nextAction"] is None


def test_an_end_without_a_success_says_its_error() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    world.finish(step, status=ItemStatus.FAILED)
    run_finalize(run_id=world.run.pk)
    assert told(world)[1].startswith("Every epic failed.")


def test_adaptive_lanes_say_what_their_number_comes_from() -> None:
    project = project_make(epics=300)
    options = RunOptions(pacing_profile="adaptive")
    run = run_start(project=project, user=project.created_by, options=options)
    run_begin(run_id=run.pk)
    worker = worker_make()
    Worker.objects.update(concurrency=1000)
    world = World(run=run, worker=worker)
    steps = [world.claim() for _ in range(10)]
    assert told(world) == ("flowing", "Adaptive: 10 lanes to begin with.", None)
    assert steps[0]
    world.finish(steps[0])
    assert lanes_adapt_all() == 1
    verdict, reason, action = told(world)
    changed = RunAction.objects.get(run=run, kind="change")
    details = changed.details
    assert details["callsPerSecond"] == 9
    assert (verdict, action) == ("flowing", None)
    assert reason == (
        f"Adaptive: {details['max_concurrency']} lanes for 9 calls a second that take "
        f"{details['callS']:g} s each; 10 until {changed.at:%Y-%m-%d %H:%M:%S} UTC."
    )
    assert health(world)["since"] == _json(changed.at)


def test_it_costs_a_list_no_query_a_run(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = client_of("ada")
    for number in range(4):
        world = World.make(epics=3, lanes=2, name=f"Library {number}")
        if number % 2:
            world.claim()
    get(client, "/runs")
    with django_assert_num_queries(4):
        assert len(get(client, "/runs")["data"]) == 4


def _park(world: World, reasons: dict[str, int], *, wake_s: float) -> None:
    """Let so many lanes of the run wait for each reason."""
    for reason, count in reasons.items():
        for _ in range(count):
            hands.park(fence=world.fences()[0], reason=reason, wait_s=wake_s)
    assert not Lane.objects.exclude(state=LaneState.PARKED).filter(run=world.run).exists()


def _json(at: Any) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"
