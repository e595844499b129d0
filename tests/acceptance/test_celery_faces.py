"""What Celery's own tools see of items and do to them, with a real worker."""

import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
from celery.events import EventReceiver
from kombu.exceptions import OperationalError
from redis import RedisError

from batchgen.celery import app
from batchgen.local.child import Running
from batchgen.redis import client as redis
from runs.engine.dispatch import message_id, messages_waiting
from runs.engine.start import RunOptions, run_start
from runs.models import Lane, ProviderCall, Run, RunItem, Worker
from runs.states import RunStatus
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.conftest import Simulator
from tests.integration.engine.world import project_make

pytestmark = pytest.mark.django_db(transaction=True)

_NAME = "w1@test"


def _run(*, epics: int = 2, lanes: int = 2) -> Run:
    options = RunOptions(pacing_profile="adaptive", max_concurrency=lanes)
    return run_start(project=project_make(epics=epics), user=None, options=options)


def _asked(command: str, **arguments: Any) -> Any:
    """What the worker answers to a control command."""
    answers: Any = app.control.broadcast(
        command, arguments=arguments, destination=[_NAME], reply=True, timeout=10, limit=1
    )
    return answers[0][_NAME]


def _hears() -> bool:
    """Whether the worker answers; this process's connections may be broken, too."""
    try:
        return bool(app.control.ping(destination=[_NAME], timeout=2))
    except (RedisError, OperationalError):
        return False


def _calls(provider: Simulator, count: int) -> None:
    wait_for(lambda: len(provider.stats()["calls"]) >= count, f"{count} calls")


def _started(fleet: Fleet, *, concurrency: int = 20) -> Running:
    """A worker that hears control commands."""
    worker = fleet.start(concurrency=concurrency)
    wait_for(lambda: app.control.ping(destination=[_NAME], timeout=1), "it hears commands")
    return worker


@pytest.fixture
def stalled(fleet: Fleet, provider: Simulator) -> tuple[Running, Run]:
    """A worker in the middle of two calls that nobody answers."""
    provider.faults([{"action": {"type": "stall"}, "times": 2}])
    worker = _started(fleet)
    run = _run()
    _calls(provider, 2)
    return worker, run


def test_inspect_shows_each_item_as_a_task(stalled: tuple[Running, Run]) -> None:
    _, run = stalled
    wait_for(lambda: len(_asked("active")) == 2, "both are known to Celery")
    active = _asked("active", safe=True)
    assert {task["name"] for task in active} == {"workers.generate_item"}
    codes = sorted(task["args"].partition(":")[0] for task in active)
    assert codes == sorted(RunItem.objects.filter(run=run).values_list("code", flat=True))
    assert all(task["time_start"] and task["hostname"] == _NAME for task in active)
    ids = [task["id"] for task in active]
    assert {state for state, _ in _asked("query_task", ids=ids).values()} == {"active"}
    assert _asked("stats")["total"]["workers.generate_item"] == 2


def test_a_task_that_is_terminated_gives_its_call_up_and_its_item_back(
    stalled: tuple[Running, Run], provider: Simulator
) -> None:
    _, run = stalled
    wait_for(lambda: len(_asked("active")) == 2, "both are known to Celery")
    task, _ = _asked("active")
    _asked("revoke", task_id=[task["id"]], terminate=True)
    wait_for(
        lambda: any(call["status"] == "aborted" for call in provider.stats()["calls"]),
        "the call is given up",
    )
    item = RunItem.objects.get(id=task["args"][0])
    wait_for(lambda: RunItem.objects.get(id=item.id).status == "COMPLETED", "it is done again")
    assert RunItem.objects.get(id=item.id).attempt == 1
    assert Run.objects.get(id=run.id).status == RunStatus.RUNNING


def test_a_message_that_was_revoked_is_dropped_and_its_item_done_all_the_same(
    fleet: Fleet, provider: Simulator
) -> None:
    """Revoking spares a worker a message; the lanes say what is to be done."""
    _started(fleet)
    app.control.revoke([f"{lane}.1" for lane in range(1, 1000)])
    wait_for(lambda: len(_asked("revoked")) >= 900, "the worker has heard it")
    run = _run()
    wait_until_ended(run)
    assert run.status == RunStatus.SUCCEEDED


def _ended_items(heard: list[tuple[str, str]]) -> set[str]:
    return {id_ for kind, id_ in heard if kind == "task-succeeded"}


def test_flower_hears_of_each_item(fleet: Fleet, provider: Simulator) -> None:
    _started(fleet)
    _asked("enable_events")
    heard: list[tuple[str, str]] = []
    with app.connection_for_read() as connection:
        receiver = EventReceiver(
            connection,
            handlers={"*": lambda event: heard.append((event["type"], event.get("uuid", "")))},
            app=app,
        )
        with receiver.consumer_context():
            hearing = threading.Thread(target=receiver.capture, kwargs={"wakeup": False})
            hearing.start()
            try:
                run = _run(epics=3)
                wait_until_ended(run)
                wait_for(lambda: len(_ended_items(heard)) == 3, "each item's end is heard of")
            finally:
                receiver.should_stop = True
                hearing.join()
    ended = _ended_items(heard)
    for kind in ("task-received", "task-started"):
        assert {id_ for each, id_ in heard if each == kind} >= ended


def _ended(worker: Running) -> Callable[[], bool]:
    return lambda: worker.process.poll() is not None


def test_a_warm_stop_lets_calls_end_and_gives_messages_back(
    fleet: Fleet, provider: Simulator
) -> None:
    provider.config(latency_ms=1500)
    worker = _started(fleet, concurrency=2)
    run = _run(epics=6, lanes=6)
    generating = RunItem.objects.filter(run=run, status="GENERATING")
    wait_for(lambda: generating.count() == 2, "two calls are under way")
    done = RunItem.objects.filter(run=run, status="COMPLETED")
    before = done.count()
    worker.process.send_signal(signal.SIGTERM)
    wait_for(_ended(worker), "the worker has ended")
    assert worker.process.returncode == 0
    assert done.count() == before + 2, list(worker.lines)[-12:]
    assert not RunItem.objects.filter(run=run, status="GENERATING").exists()
    assert Worker.objects.get().stopped_at
    sent = Lane.objects.filter(run=run, state="sent")
    assert messages_waiting() >= {message_id(lane.id, lane.fencing_token) for lane in sent}
    assert sent


@pytest.mark.parametrize("signals", [["SIGQUIT"], ["SIGTERM", "SIGQUIT"]])
def test_a_cold_stop_gives_items_back_at_once(
    stalled: tuple[Running, Run], signals: list[str]
) -> None:
    worker, run = stalled
    for name in signals:
        worker.process.send_signal(getattr(signal, name))
        if name != signals[-1]:
            wait_for(lambda: "Warm" in "".join(worker.lines), "the first one is heard")
    wait_for(_ended(worker), "the worker has ended", timeout_s=15)
    assert not RunItem.objects.filter(run=run, status="GENERATING").exists()
    assert not ProviderCall.objects.filter(item__run=run, outcome="STARTED").exists()
    assert Worker.objects.get().stopped_at


def test_a_worker_whose_redis_connections_break_goes_on(fleet: Fleet, provider: Simulator) -> None:
    provider.config(latency_ms=100)
    _started(fleet)
    run = _run(epics=30)
    for count in (5, 10, 15):
        _calls(provider, count)
        for kind in ("normal", "pubsub"):
            redis.client().client_kill_filter(_type=kind, skipme=True)
        redis.client().connection_pool.disconnect()  # this process's own are broken, too
    wait_until_ended(run)
    assert run.status == RunStatus.SUCCEEDED
    assert ProviderCall.objects.filter(item__run=run).count() == 30
    wait_for(_hears, "it hears commands again")
