"""Controls with real workers: a call is aborted, a worker stops in good order."""

import signal
import time

import pytest
from django.contrib.auth.models import User

from runs.engine.controls import run_control, run_item_cancel
from runs.engine.start import RunOptions, run_start
from runs.models import ProviderCall, Run, RunItem, Worker
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.conftest import Simulator
from tests.integration.engine.world import assert_counted, project_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dana() -> User:
    return User.objects.create(username="dana", is_staff=True)


def _start(*, epics: int, lanes: int) -> Run:
    options = RunOptions(pacing_profile="adaptive", max_concurrency=lanes)
    return run_start(project=project_make(epics=epics), user=None, options=options)


def _in_flight(provider: Simulator) -> int:
    return sum(call["end"] is None for call in provider.stats()["calls"])


def test_cancelling_an_epic_aborts_its_call_within_a_second(
    fleet: Fleet, provider: Simulator, dana: User
) -> None:
    provider.faults([{"match": {"epic": "E1"}, "action": {"type": "stall"}}])
    fleet.start()
    run = _start(epics=3, lanes=2)
    epic = RunItem.objects.get(run=run, code="E1")
    wait_for(lambda: _in_flight(provider), "the call began")
    run_item_cancel(item=epic, user=dana)
    asked = time.time()
    wait_until_ended(run)
    epic.refresh_from_db()
    assert (epic.status, run.status) == ("CANCELLED", "SUCCEEDED")
    (aborted,) = [c for c in provider.stats()["calls"] if c["status"] == "aborted"]
    assert aborted["end"] - asked < 1
    assert ProviderCall.objects.get(item=epic).outcome == "FAILED"
    assert_counted(run)


def test_a_worker_told_to_stop_finishes_its_calls_and_takes_no_more(
    fleet: Fleet, provider: Simulator
) -> None:
    provider.config(latency_ms=1000)
    worker = fleet.start()
    run = _start(epics=20, lanes=4)
    wait_for(lambda: _in_flight(provider) == 4, "four calls began")
    worker.process.send_signal(signal.SIGTERM)
    told = time.time()
    assert worker.process.wait(20) == 0
    calls = provider.stats()["calls"]
    assert {call["status"] for call in calls} == {200}
    assert not [call for call in calls if call["start"] > told + 0.5]
    assert RunItem.objects.filter(run=run, status="GENERATING").count() == 0
    assert RunItem.objects.filter(run=run, status="COMPLETED").count() == len(calls)
    provider.config(latency_ms=0)
    fleet.start("w2")
    wait_until_ended(run)
    assert run.status == "SUCCEEDED"
    assert len(provider.stats()["calls"]) == 20
    assert_counted(run)


def test_what_outlasts_the_grace_period_is_given_back(fleet: Fleet, provider: Simulator) -> None:
    provider.faults([{"match": {"epic": "E1"}, "times": 1, "action": {"type": "stall"}}])
    fleet.environment["BATCHGEN_STOP_GRACE_S"] = "1"
    worker = fleet.start()
    run = _start(epics=1, lanes=1)
    wait_for(lambda: _in_flight(provider), "the call began")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(20) == 0
    epic = RunItem.objects.get(run=run)
    assert (epic.status, epic.attempt, epic.crashes) == ("PENDING", 0, 0)
    fleet.start("w2")
    wait_until_ended(run)
    assert run.status == "SUCCEEDED"


def test_a_worker_that_cannot_make_calls_says_so_and_ends(fleet: Fleet) -> None:
    fleet.environment["ANTHROPIC_API_KEY"] = "pasted with\na line break"
    worker = fleet.start(registers=False)
    assert worker.process.wait(20) == 1
    assert worker.find("it cannot call the provider. ANTHROPIC_API_KEY must be")
    assert Worker.objects.get().stopped_at is not None


def test_a_pause_outlives_everybody(fleet: Fleet, provider: Simulator, dana: User) -> None:
    provider.config(latency_ms=300)
    worker = fleet.start(mortal=True)
    run = _start(epics=12, lanes=3)
    wait_for(lambda: _in_flight(provider) == 3, "three calls began")
    moved = run_control(run=run, action="pause", user=dana)
    answered = time.time()
    worker.process.kill()
    worker.process.wait()
    fleet.start("w2")
    time.sleep(1.5)
    assert not [c for c in provider.stats()["calls"] if c["start"] > answered + 0.1]
    assert moved.in_flight == 3
    run_control(run=run, action="resume", user=dana)
    wait_until_ended(run)
    assert run.status == "SUCCEEDED"
    assert_counted(run)
