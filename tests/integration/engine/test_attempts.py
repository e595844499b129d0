"""Attempts against the simulator: what each kind of answer does to epic, lane, run and books."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from pytest_django.fixtures import Settings

from epics.models import Epic, EpicCard, Story
from providers.anthropic.client import ProviderClient
from providers.provider import Provider
from providers.registry import limit_pool
from runs.engine.dispatch import message_id, messages_waiting
from runs.engine.lanes import lanes_dispatch, lanes_reclaim
from runs.engine.transitions import run_move
from runs.models import Closure, Lane, ProviderCall, Run, RunAction, RunItem, RunLog, Worker
from runs.reads.gates import limits_read
from runs.reads.log import log_after
from runs.reads.progress import RunProgress
from runs.reads.selectors import runs_with_figures
from runs.states import ItemStatus, RunStatus
from tests.acceptance.fleet import wait_for
from tests.conftest import Simulator
from tests.integration.engine.bench import Attempted, Bench, bench_open, request_make
from tests.integration.engine.world import (
    FIRST,
    FIRST_CALL,
    World,
    assert_counted,
    attempt_make,
    halt,
)
from tests.threads import elsewhere, race, somebody_waits
from tests.unit.content.story_samples import WEAK
from workers.engine import Engine

pytestmark = pytest.mark.django_db(transaction=True)


def _attempt(world: World, bench: Bench) -> Attempted:
    attempt = attempt_make(world, bench)
    assert attempt
    return attempt


def _answer(world: World, bench: Bench, simulator: Simulator, *actions: dict[str, Any]) -> RunItem:
    """One attempt at E1, whose calls are answered in this way, one after the other."""
    simulator.faults([{"match": {"epic": "E1"}, "times": 1, "action": a} for a in actions])
    _attempt(world, bench).run()
    return RunItem.objects.get(run=world.run, code="E1")


def test_stories_are_stored_and_the_lane_goes_on(bench: Bench) -> None:
    world = World.make(epics=2, lanes=1, begin=False)
    _attempt(world, bench).run()
    epic = RunItem.objects.get(run=world.run, code="E1")
    assert (epic.status, epic.attempt) == ("COMPLETED", 1)
    assert epic.created == Story.objects.count() > 0
    assert epic.output_tokens > 0
    assert epic.cost_usd > 0
    assert set(epic.stage_ms) >= {"validation", "component-generation", "post-processing"}
    assert Run.objects.get().status == RunStatus.RUNNING
    assert world.fences()[0].item_id == RunItem.objects.get(code="E2").id
    assert_counted(world.run)


def test_the_log_tells_of_each_attempts_begin_in_its_place(
    bench: Bench, simulator: Simulator
) -> None:
    world = World.make(epics=1, lanes=1)
    _answer(world, bench, simulator, {"type": "error", "status": 500})
    Lane.objects.update(wake_at="2000-01-01T00:00:00Z")
    lanes_dispatch(run_id=world.run.id)
    _attempt(world, bench).run()
    lines = [line.message for line in log_after(run_id=world.run.id, seq=0, limit=9)]
    first, failed, second, completed = (line for line in lines if line.startswith("[E1]"))
    assert (first, second) == ("[E1] Starting", "[E1] Starting, attempt 2")
    assert "The provider failed" in failed
    assert completed.startswith("[E1] Completed")


def test_an_epic_that_fails_keeps_the_times_of_its_stages(
    bench: Bench, simulator: Simulator
) -> None:
    epic = _answer(World.make(epics=1, lanes=1), bench, simulator, {"type": "refusal"})
    assert (epic.status, epic.stage) == ("FAILED", "component-generation")
    assert epic.stage_ms.keys() == {"validation", "context-building", "component-generation"}
    assert epic.stage_percent < 85


def test_what_an_attempt_skipped_is_kept(bench: Bench) -> None:
    world = World.make(epics=1, lanes=1)
    Run.objects.update(options={**world.run.options, "skip_quality_check": True})
    _attempt(world, bench).run()
    epic = RunItem.objects.get()
    assert epic.skipped_stages == ["quality-validation"]
    assert (epic.status, epic.stage_percent) == ("COMPLETED", 100)


@pytest.mark.parametrize(
    ("action", "reason", "code", "attempts"),
    [
        (
            {"type": "error", "status": 429, "retry_after_s": 3},
            "rate-limit", "RATE_LIMITED", 0,
        ),
        ({"type": "error", "status": 529}, "backoff", "PROVIDER_OVERLOADED", 1),
        ({"type": "error", "status": 500}, "backoff", "PROVIDER_FAILED", 1),
        ({"type": "reset"}, "backoff", "PROVIDER_UNREACHABLE", 1),
        ({"type": "bad_http_json"}, "backoff", "PROVIDER_UNREADABLE", 1),
    ],
)  # fmt: skip
def test_what_may_pass_parks_the_lane_with_its_epic(
    bench: Bench,
    simulator: Simulator,
    *,
    action: dict[str, Any],
    reason: str,
    code: str,
    attempts: int,
) -> None:
    world = World.make(epics=2, lanes=1)
    epic = _answer(world, bench, simulator, action)
    lane = Lane.objects.get()
    assert (epic.status, epic.attempt, epic.lane_id) == ("PENDING", attempts, lane.pk)
    assert (lane.state, lane.wait_reason) == ("parked", reason)
    assert lane.rate_limit_streak == (reason == "rate-limit")
    call = ProviderCall.objects.get()
    assert (call.outcome, call.error_code) == ("FAILED", code)
    assert RunLog.objects.filter(level="warning", item_code="E1").count() == 1
    assert_counted(world.run)


def test_a_rate_limit_waits_as_long_as_the_provider_says(
    bench: Bench, simulator: Simulator
) -> None:
    world = World.make(epics=1, lanes=1)
    _answer(world, bench, simulator, {"type": "error", "status": 429, "retry_after_s": 7})
    lane = Lane.objects.get()
    assert lane.wake_at
    assert (lane.wake_at - lane.moved_at).total_seconds() >= 7


@pytest.mark.parametrize("status", [429, 503, 529])
@pytest.mark.parametrize("asked", ["60000", "1e300", "9" * 300, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_wait_beyond_the_longest_pauses_the_run_and_closes_no_gate(
    bench: Bench, simulator: Simulator, status: int, asked: str
) -> None:
    world = World.make(epics=2, lanes=1)
    action = {"type": "error", "status": status, "headers": {"retry-after": asked}}
    epic = _answer(world, bench, simulator, action)
    run = Run.objects.get()
    assert (run.status, run.error_code) == ("PAUSED", "PROVIDER_WAIT_TOO_LONG")
    assert "BATCHGEN_LONGEST_WAIT_S" in run.error
    assert (epic.status, epic.attempt, epic.lane_id) == ("PENDING", 0, None)
    (limits,) = limits_read({run.model: limit_pool(run.model)})
    assert limits.closed_until is None
    assert not Closure.objects.exists()
    run_move(run_id=run.id, to=RunStatus.RUNNING, kind=RunAction.Kind.RESUME, message="On.")
    _attempt(world, bench).run()
    epic.refresh_from_db()
    assert (epic.status, Run.objects.get().error_code) == ("COMPLETED", "")
    assert_counted(run)


def test_a_wait_that_we_choose_is_within_the_longest(
    bench: Bench, simulator: Simulator, settings: Settings
) -> None:
    settings.LONGEST_WAIT_S = 10
    world = World.make(epics=1, lanes=1)
    _answer(world, bench, simulator, {"type": "error", "status": 429, "retry_after_s": 0})
    (limits,) = limits_read({world.run.model: limit_pool(world.run.model)})
    assert 0 < limits.time_until_next_ms <= 11_000


def test_retries_that_are_used_up_fail_the_epic(bench: Bench, simulator: Simulator) -> None:
    world = World.make(epics=2, lanes=1)
    RunItem.objects.filter(code="E2").update(priority=0)  # each retry has a lower one than before
    for attempt in range(1, 5):  # adaptive: three retries
        epic = _answer(world, bench, simulator, {"type": "error", "status": 500})
        assert epic.status == ("FAILED" if attempt == 4 else "PENDING")
        Lane.objects.filter(state="parked").update(wake_at="2000-01-01T00:00:00Z")
        lanes_dispatch(run_id=world.run.id)
    assert (epic.error_code, epic.attempt) == ("PROVIDER_FAILED", 4)
    assert world.fences()[0].item_id == RunItem.objects.get(code="E2").id
    assert_counted(world.run)


@pytest.mark.parametrize(
    ("action", "status", "code"),
    [
        ({"type": "error", "status": 401}, "FAILED", "KEY_REJECTED"),
        ({"type": "error", "status": 404}, "FAILED", "MODEL_UNKNOWN"),
        (
            {"type": "error", "status": 400, "kind": "own_limit"},
            "PAUSED", "SPEND_LIMIT_REACHED",
        ),
        ({"type": "error", "status": 402}, "PAUSED", "CREDIT_EXHAUSTED"),
        ({"type": "error", "kind": "disabled"}, "PAUSED", "ACCOUNT_UNUSABLE"),
        ({"type": "error", "kind": "on_hold"}, "PAUSED", "ACCOUNT_UNUSABLE"),
        ({"type": "error", "status": 403, "body": "<p>no"}, "PAUSED", "BLOCKED_BEFORE_API"),
        ({"type": "error", "status": 404, "kind": "html"}, "PAUSED", "BLOCKED_BEFORE_API"),
        (
            {"type": "error", "status": 200, "error_type": "billing_error"},
            "PAUSED", "CREDIT_EXHAUSTED",
        ),
        (
            {"type": "error", "status": 200, "error_type": "authentication_error"},
            "FAILED", "KEY_REJECTED",
        ),
    ],
)  # fmt: skip
def test_what_no_epic_can_help_stops_the_run_and_burns_none(
    bench: Bench, simulator: Simulator, action: dict[str, Any], status: str, code: str
) -> None:
    world = World.make(epics=3, lanes=2)
    epic = _answer(world, bench, simulator, action)
    run = Run.objects.get()
    assert (run.status, run.error_code, run.draining) == (status, code, False)
    assert run.error
    assert (epic.status, epic.attempt, epic.lane_id) == ("PENDING", 0, None)
    assert set(Lane.objects.values_list("state", flat=True)) == {"idle"}
    assert_counted(run)


@pytest.mark.parametrize(
    ("connect", "code"),
    [
        (
            lambda _: ProviderClient(
                api_key="k", base_url="http://[::1", timeout_s=5, max_connections=8
            ),
            "PROVIDER_ADDRESS",
        ),
        ({}.__getitem__, "PROVIDER_UNKNOWN"),
    ],
)
def test_a_provider_that_cannot_be_asked_fails_the_run_and_takes_no_permit(
    connect: Callable[[str], Provider], code: str, bench: Bench
) -> None:
    world = World.make(epics=1, lanes=1)
    engine = Engine(worker_id=world.worker.id, concurrency=1, connect=connect, loop=bench.loop)
    bench.loop.run(engine.open())
    try:
        bench.loop.run(engine.links.work(request_make(world.fences()[0], FIRST_CALL)))
    finally:
        bench.loop.run(engine.close())
    run = Run.objects.get()
    assert (run.status, run.error_code) == ("FAILED", code)
    assert not ProviderCall.objects.exists()
    assert limits_read({world.run.model: limit_pool(world.run.model)})[0].in_flight == 0
    assert_counted(world.run)


def _in_flight(bench: Bench, world: World) -> int:
    """Calls that hold a permit, once the gate has heard all."""
    bench.loop.run(bench.engine(world.worker.id).tools.permits.flush())
    return limits_read({FIRST.model: limit_pool(FIRST.model)})[0].in_flight


def test_the_permit_of_a_message_that_is_late_goes_back(bench: Bench) -> None:
    world = World.make(epics=1, lanes=1)
    (fence,) = world.fences()
    late = request_make(replace(fence, fencing_token=fence.fencing_token - 1), FIRST_CALL)
    assert not bench.loop.run(bench.engine(world.worker.id).links.work(late))
    assert _in_flight(bench, world) == 0


def test_the_permit_of_a_claim_that_fails_goes_back(bench: Bench) -> None:
    world = World.make(epics=1, lanes=1)
    (fence,) = world.fences()
    refused = request_make(replace(fence, lane_id=2**63), FIRST_CALL)
    with pytest.raises(psycopg.DataError):
        bench.loop.run(bench.engine(world.worker.id).links.work(refused))
    assert _in_flight(bench, world) == 0


def _killed() -> bool:
    """Whether a connection that waits for a lock was there to be broken."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(cursor.fetchall())


def test_the_permit_of_an_item_whose_run_cannot_begin_goes_back(bench: Bench) -> None:
    world = World.make(epics=1, lanes=1, begin=False)
    attempt = _attempt(world, bench)
    with transaction.atomic():
        Run.objects.select_for_update().get()
        error, _ = race(attempt.run, lambda: wait_for(_killed, "the beginning is broken"))
    assert isinstance(error, OperationalError)
    assert _in_flight(bench, world) == 0


@pytest.mark.parametrize("kind", ["too_long", "long_context"])
def test_a_prompt_that_is_too_long_fails_its_epic_and_closes_no_gate(
    bench: Bench, simulator: Simulator, kind: str
) -> None:
    world = World.make(epics=2, lanes=1)
    epic = _answer(world, bench, simulator, {"type": "error", "kind": kind})
    assert (epic.status, epic.error_code) == ("FAILED", "CONTEXT_TOO_LONG")
    (limits,) = limits_read({world.run.model: limit_pool(world.run.model)})
    assert limits.closed_until is None
    assert not Closure.objects.exists()
    _attempt(world, bench).run()
    assert RunItem.objects.get(run=world.run, code="E2").status == "COMPLETED"
    assert_counted(world.run)


def test_an_epic_with_nothing_to_go_by_is_skipped_without_a_call(
    bench: Bench, simulator: Simulator
) -> None:
    world = World.make(epics=1, lanes=1)
    EpicCard.objects.all().delete()
    Epic.objects.update(description="")
    epic = _answer(world, bench, simulator)
    assert (epic.status, epic.error_code) == ("SKIPPED", "NOTHING_TO_GENERATE")
    assert ProviderCall.objects.get().outcome == "NOT_MADE"
    assert simulator.stats()["calls"] == []
    assert Run.objects.get().status == RunStatus.SUCCEEDED


def test_weak_stories_are_repaired_once_and_both_calls_are_on_the_books(
    bench: Bench, simulator: Simulator
) -> None:
    world = World.make(epics=1, lanes=1)
    simulator.faults([{"match": {"epic": "E1"}, "action": {"type": "weak_stories"}}])
    _attempt(world, bench).run()
    calls = ProviderCall.objects.order_by("started_at")
    assert [(call.purpose, call.outcome) for call in calls] == [
        ("generate", "ANSWERED"),
        ("repair", "ANSWERED"),
    ]
    assert len(simulator.stats()["calls"]) == 2
    assert RunItem.objects.get().status == "COMPLETED"
    assert_counted(world.run)


def test_a_set_that_was_weak_meets_the_bar_when_it_is_stored(
    bench: Bench, simulator: Simulator
) -> None:
    """The simulator answers weak stories until it is told what is wrong with them."""
    world = World.make(epics=3, lanes=1)
    simulator.faults([{"action": {"type": "weak_stories"}, "times": None}])
    for _ in range(3):
        _attempt(world, bench).run()
    assert len(simulator.stats()["calls"]) == ProviderCall.objects.count() == 6
    for epic in RunItem.objects.filter(run=world.run):
        assert list(epic.calls.order_by("started_at").values_list("purpose", flat=True)) == [
            "generate",
            "repair",
        ]
        stories = Story.objects.filter(epic=epic.target_id)
        scores = [story.quality_score or 0 for story in stories]
        assert sum(scores) / len(scores) >= settings.QUALITY_BAR
        assert not [d for story in stories for d in story.defects if d["severity"] == "high"]
        (note,) = epic.notes
        assert "repair kept, the call took" in note
        end = RunLog.objects.filter(run=world.run, item_code=epic.code).latest("at")
        assert note in end.message
    assert_counted(world.run)


def test_a_repair_does_not_start_in_a_paused_run_and_its_answer_is_kept(
    bench: Bench, simulator: Simulator
) -> None:
    world = World.make(epics=1, lanes=1)
    simulator.faults([{"match": {"epic": "E1"}, "action": {"type": "weak_stories"}}])
    attempt = _attempt(world, bench)
    halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Paused.")
    attempt.run()
    epic = RunItem.objects.get()
    assert (epic.status, epic.lane_id) == ("PENDING", None)
    assert len(simulator.stats()["calls"]) == 1
    run_move(run_id=world.run.id, to=RunStatus.RUNNING, kind=RunAction.Kind.RESUME, message="On.")
    _attempt(world, bench).run()
    epic.refresh_from_db()
    assert epic.status == ItemStatus.COMPLETED
    # The first answer was not paid for again.
    assert len(simulator.stats()["calls"]) == 2
    assert_counted(world.run)


def test_an_answer_of_unknown_cost_is_kept_for_a_later_attempt_too(
    bench: Bench, simulator: Simulator
) -> None:
    world = World.make(epics=1, lanes=1)
    message = {"content": "no JSON", "usage": None}
    simulator.faults(
        [
            {
                "match": {"epic": "E1"},
                "times": 2,
                "action": {"type": "error", "status": 200, "body": json.dumps(message)},
            }
        ]
    )
    attempt = _attempt(world, bench)
    halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Paused.")
    attempt.run()
    epic = RunItem.objects.get()
    assert (epic.status, epic.unknown_calls, epic.output_tokens) == ("PENDING", 1, 0)
    call = ProviderCall.objects.get()
    assert (call.outcome, call.output_tokens, call.cost_usd) == ("ANSWERED", None, None)
    run_move(run_id=world.run.id, to=RunStatus.RUNNING, kind=RunAction.Kind.RESUME, message="On.")
    _attempt(world, bench).run()
    epic.refresh_from_db()
    # The first answer was not paid for again: the second call was its repair, and as unreadable.
    assert (epic.error_code, epic.unknown_calls) == ("UNUSABLE_ANSWER", 2)
    assert len(simulator.stats()["calls"]) == 2
    assert_counted(world.run)
    (progress,) = map(RunProgress.of, runs_with_figures(Run.objects.all()))
    assert progress.unknown_calls == 2


def test_answers_are_kept_by_the_key_of_their_request(bench: Bench, simulator: Simulator) -> None:
    """The second attempt's only call is a repair, and what it is told answers no other request."""
    world = World.make(epics=1, lanes=1)
    bodies = [json.dumps({"content": text}) for text in ("no JSON", WEAK)]
    actions = [{"type": "error", "status": 200, "body": body} for body in bodies]
    simulator.faults([{"match": {"epic": "E1"}, "times": 1, "action": a} for a in actions])
    for calls in (1, 2):
        attempt = _attempt(world, bench)
        halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Paused.")
        attempt.run()
        assert len(simulator.stats()["calls"]) == calls
        run_move(
            run_id=world.run.id, to=RunStatus.RUNNING, kind=RunAction.Kind.RESUME, message="On."
        )
    _attempt(world, bench).run()
    kept = ProviderCall.objects.order_by("started_at").values_list("response", flat=True)
    assert [answer and answer["key"] for answer in kept] == ["generate", "repair", None]
    assert len(simulator.stats()["calls"]) == 3
    assert RunItem.objects.get().status == ItemStatus.COMPLETED
    assert_counted(world.run)


def test_an_overtaken_attempt_books_what_it_spent_and_stores_nothing(
    bench: Bench, simulator: Simulator
) -> None:
    world = World.make(epics=1, lanes=1)
    late = _attempt(world, bench)
    Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
    lanes_reclaim()
    late.run()
    assert Story.objects.count() == 0
    epic = RunItem.objects.get()
    assert (epic.status, epic.crashes) == ("PENDING", 1)
    assert epic.output_tokens > 0
    assert ProviderCall.objects.get().outcome == "ANSWERED"
    assert_counted(world.run)


def test_an_epic_that_waits_for_postgresql_lets_the_next_answer_go_first(
    bench: Bench,
) -> None:
    world = World.make(epics=2, lanes=2)
    held, free = _attempt(world, bench), _attempt(world, bench)
    with transaction.atomic():
        RunItem.objects.select_for_update().get(id=held.fence.item_id)
        thread = elsewhere(held.run)
        wait_for(somebody_waits, "the first one is stored, but for the lock")
        other = elsewhere(free.run)
        other.join(10)
        assert not other.is_alive()
        assert thread.is_alive()
    thread.join(10)
    assert RunItem.objects.filter(status=ItemStatus.COMPLETED).count() == 2
    assert_counted(world.run)


def test_no_turn_is_held_while_a_further_call_is_made(simulator: Simulator) -> None:
    simulator.reset()
    world = World.make(epics=2, lanes=2)
    simulator.faults(
        [
            {"match": {"epic": "E1"}, "times": 1, "action": {"type": "weak_stories"}},
            {"match": {"epic": "E1"}, "times": 1, "action": {"type": "stall"}},
        ]
    )
    with bench_open(simulator.url, timeout_s=60) as bench:
        hanging, free = _attempt(world, bench), _attempt(world, bench)
        thread = elsewhere(hanging.run)
        wait_for(lambda: len(simulator.stats()["calls"]) == 2, "its repair is under way")
        other = elsewhere(free.run)
        other.join(10)
        ended_meanwhile = not other.is_alive()
        hanging.abort()
        thread.join(10)
        other.join(10)
    assert ended_meanwhile
    assert not thread.is_alive()


def test_an_attempt_that_is_given_up_begins_no_call(bench: Bench, simulator: Simulator) -> None:
    world = World.make(epics=1, lanes=1)
    attempt = _attempt(world, bench)
    attempt.abort()
    attempt.run()
    assert simulator.stats()["calls"] == []
    item = RunItem.objects.get()
    assert (item.status, item.attempt) == (ItemStatus.PENDING, 0)
    assert _in_flight(bench, world) == 0
    assert_counted(world.run)


def test_a_call_that_is_given_up_holds_its_permit_no_longer(
    bench: Bench, simulator: Simulator
) -> None:
    world = World.make(epics=1, lanes=1)
    simulator.faults([{"action": {"type": "stall"}, "times": 1}])
    attempt = _attempt(world, bench)
    thread = elsewhere(attempt.run)
    wait_for(lambda: simulator.stats()["calls"], "the call is under way")
    attempt.abort()
    thread.join(10)
    assert not thread.is_alive()
    assert RunItem.objects.get().status == ItemStatus.PENDING
    assert _in_flight(bench, world) == 0
    assert_counted(world.run)


def test_an_attempt_that_is_given_up_while_it_is_stored_ends_as_any_other(bench: Bench) -> None:
    """Its answer is there: giving it up ends calls alone."""
    world = World.make(epics=2, lanes=1)
    attempt = _attempt(world, bench)
    with transaction.atomic():
        RunItem.objects.select_for_update().get(id=attempt.fence.item_id)
        thread = elsewhere(attempt.run)
        wait_for(somebody_waits, "it is stored, but for us")
        attempt.abort()
    thread.join(10)
    assert RunItem.objects.get(id=attempt.fence.item_id).status == ItemStatus.COMPLETED
    (after,) = world.fences()
    sent = message_id(after.lane_id, after.fencing_token)
    wait_for(lambda: sent in messages_waiting(), "the lane goes on", timeout_s=10)
    assert_counted(world.run)
