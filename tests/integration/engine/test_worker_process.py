"""A worker process, one beat and one round at a time."""

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.timezone import now
from pytest_django.fixtures import Settings

from batchgen.redis import client as redis
from batchgen.redis.task_message import queue_key
from providers.anthropic.client import ProviderClient
from providers.provider import Provider
from providers.registry import limit_pool
from runs.engine.dispatch import LOWEST_PRIORITY, messages_waiting
from runs.engine.lanes import Fence
from runs.models import Lane, RunItem, Worker
from runs.reads.gates import limits_read
from runs.states import ItemStatus
from tests.acceptance.fleet import wait_for
from tests.conftest import Simulator
from tests.integration.engine.bench import request_make
from tests.integration.engine.world import FIRST, FIRST_CALL, World
from workers import process, signals
from workers.permits import Permit
from workers.process import WorkerProcess

pytestmark = pytest.mark.django_db(transaction=True)

_LONG_AGO = "2000-01-01T00:00:00Z"
Connect = Callable[[str], Provider]


@pytest.fixture
def connect(simulator: Simulator) -> Connect:
    simulator.reset()
    return lambda _name: ProviderClient(
        api_key="k", base_url=simulator.url, timeout_s=20, max_connections=8
    )


class Working(WorkerProcess):
    """A worker whose messages a test brings."""

    def work(self, fence: Fence, *, due_at: float | None = None) -> bool:
        """Work on a link, whose message has come, until the next one's is sent; whether its item
        was begun."""
        request = request_make(fence, FIRST_CALL, due_at=due_at)
        begun = self._loop.run(self.engine.links.work(request))
        self._loop.run(self.engine.tools.sender.flushed())
        return begun


@pytest.fixture
def worker(connect: Connect, settings: Settings) -> Iterator[Working]:
    """Registered, with heartbeats and rounds that the test makes itself."""
    settings.HEARTBEAT_S = settings.RECONCILE_S = 3600
    redis.client().flushdb()
    worker = Working(name="w1@test", concurrency=4, connect=connect)
    worker.start()
    process.set_current(worker)
    yield worker
    process.set_current(None)
    worker.stop()


def _world(worker: Working, *, epics: int = 2, lanes: int = 1) -> World:
    world = World.make(epics=epics, lanes=lanes)
    world.worker.delete()
    world.worker = Worker.objects.get(id=worker.id)
    return world


def test_a_worker_that_is_registered_waits_for_no_beat_to_take_messages(worker: Working) -> None:
    assert worker.missing() == ["intake"]


def test_a_beat_renews_the_lease(worker: Working) -> None:
    Worker.objects.update(lease_until=_LONG_AGO, heartbeat_at=_LONG_AGO)
    worker.heartbeat()
    row = Worker.objects.get()
    assert row.lease_until > now()
    assert (now() - row.heartbeat_at).total_seconds() < 5


class _HourAhead(datetime):
    """What this host takes for the time."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # no subclass
        return datetime.now(tz) + timedelta(hours=1)


def test_a_worker_is_on_the_books_by_the_databases_clock(
    connect: Connect, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour ahead, a dead worker would keep its lease, and look newer than the next one."""
    settings.HEARTBEAT_S = settings.RECONCILE_S = 3600
    worker = WorkerProcess(name="w1@test", concurrency=1, connect=connect)
    right = now()
    with monkeypatch.context() as host:
        host.setattr(timezone, "datetime", _HourAhead)
        assert now() > right + timedelta(minutes=59)
        worker.start()
    worker.stop()
    row = Worker.objects.get()
    for at in (row.started_at, row.heartbeat_at, row.lease_until):
        assert abs(at - right) < timedelta(minutes=1)


def test_a_claim_that_nobody_here_runs_goes_back_without_a_crash(worker: Working) -> None:
    """As when the connection breaks between a claim's commit and its answer."""
    world = _world(worker)
    step = world.claim()
    assert step
    worker.heartbeat()
    worker.reconcile()
    assert world.epic(step).status == ItemStatus.GENERATING  # it may be about to begin
    Lane.objects.update(moved_at=_LONG_AGO)
    worker.heartbeat()
    worker.reconcile()
    epic = world.epic(step)
    assert (epic.status, epic.crashes) == (ItemStatus.PENDING, 0)
    assert world.fences()[0].item_id == epic.id


def test_a_loop_that_is_behind_makes_no_orphans(worker: Working) -> None:
    """It has yet to hear of what it has claimed."""
    world = _world(worker)
    step = world.claim()
    assert step
    comes_round = threading.Event()
    worker._loop.call(comes_round.wait, 60)
    try:
        wait_for(lambda: worker._loop.behind_s() > 1, "the loop is behind")
        Lane.objects.update(moved_at=Now() - timedelta(seconds=2.5))
        worker.heartbeat()
        worker.reconcile()
        assert world.epic(step).status == ItemStatus.GENERATING
    finally:
        comes_round.set()
    wait_for(lambda: not worker._loop.behind_s(), "it comes round")
    worker.heartbeat()
    worker.reconcile()
    assert world.epic(step).status == ItemStatus.PENDING


class Dying(WorkerProcess):
    """One of whose threads ends."""

    def heartbeat(self) -> None:
        sys.exit()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_whose_loop_hangs_or_whose_heart_stopped_is_dead(
    connect: Connect, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HEARTBEAT_S, settings.RECONCILE_S = 0.05, 3600
    monkeypatch.setattr(process, "_HANGS_S", 0.3)
    worker = Dying(name="w1@test", concurrency=1, connect=connect)
    comes_round = threading.Event()
    worker.start()
    try:
        wait_for(lambda: worker.dead() == ["heartbeat"], "its heart has stopped")
        worker._loop.call(comes_round.wait, 60)
        wait_for(lambda: worker.dead() == ["loop", "heartbeat"], "its loop hangs")
        comes_round.set()
        wait_for(lambda: worker.dead() == ["heartbeat"], "it comes round")
    finally:
        comes_round.set()
        worker.stop()
    assert worker.dead() == []  # it has left


def test_every_worker_tends_to_what_died(connect: Connect, settings: Settings) -> None:
    settings.RECONCILE_S = 0.05
    settings.HEARTBEAT_S = 0.05
    redis.client().flushdb()
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    Worker.objects.update(lease_until=_LONG_AGO)
    worker = WorkerProcess(name="w2@test", concurrency=1, connect=connect)
    worker.start()
    try:
        deadline = time.monotonic() + 5
        while not world.fences() and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        worker.stop()
    assert world.epic(step).crashes == 1
    assert [fence.item_id for fence in world.fences()] == [step.fence.item_id]


def test_no_epic_is_claimed_before_calls_can_be_made(connect: Connect, settings: Settings) -> None:
    settings.HEARTBEAT_S = settings.RECONCILE_S = 0.05
    redis.client().flushdb()
    imported = threading.Event()

    def connect_late(name: str) -> Provider:
        imported.wait(20)
        return connect(name)

    world = World.make(epics=2, lanes=1)
    left = world.claim()
    assert left
    Worker.objects.update(stopped_at=now())
    worker = Working(name="w1@test", concurrency=1, connect=connect_late)
    worker.start()
    try:
        while not world.fences():  # an earlier worker's epic is taken back meanwhile
            time.sleep(0.02)
        (fence,) = world.fences()
        thread = threading.Thread(target=worker.work, args=(fence,))
        thread.start()
        thread.join(0.3)
        assert world.epic(left).status == ItemStatus.PENDING
        imported.set()
        thread.join(20)
        assert world.epic(left).status == ItemStatus.COMPLETED
    finally:
        imported.set()
        worker.stop()


def test_what_a_start_makes_is_spared_from_collections(worker: Working) -> None:
    """One that walks through it stops all threads for as long as a pause's promise allows."""
    gc.unfreeze()
    try:
        signals.await_client()
        assert gc.get_freeze_count() > 100_000
    finally:
        gc.unfreeze()


def test_after_a_pause_of_everything_others_get_time_to_renew_their_leases(
    worker: Working, settings: Settings
) -> None:
    settings.HEARTBEAT_S, settings.WORKER_LEASE_S = 0.3, 3
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    Worker.objects.filter(id=world.worker.id).update(lease_until=_LONG_AGO)
    worker.heartbeat()
    assert worker.reconcile().reclaimed == 0
    time.sleep(1)
    worker.heartbeat()
    time.sleep(settings.WORKER_LEASE_S)  # the pause
    assert worker.reconcile().reclaimed == 0
    worker.heartbeat()
    assert worker.reconcile().reclaimed == 0
    time.sleep(1)
    worker.heartbeat()
    assert worker.reconcile().reclaimed == 1


def test_a_worker_that_stops_claims_nothing_and_gives_the_message_back(
    worker: Working,
) -> None:
    world = _world(worker)
    (fence,) = world.fences()
    redis.client().flushdb()
    worker.drain()
    assert not worker.work(fence)
    wait_for(lambda: bool(redis.client().exists(queue_key("epics", 3))), "it is given back")
    assert world.fences() == [fence]


def test_a_worker_that_stops_gives_back_a_permit_that_comes_late(
    worker: Working, settings: Settings
) -> None:
    settings.LIMIT_CONCURRENCY, settings.SLOT_WAIT_S = 1, 60
    world = _world(worker)
    (fence,) = world.fences()
    redis.client().flushdb()
    permits = worker.engine.tools.permits
    taken = worker._loop.run(permits.first(FIRST, patience_s=5))
    assert isinstance(taken, Permit)
    thread = threading.Thread(target=worker.work, args=(fence,))
    thread.start()
    wait_for(lambda: any(map(len, permits._queues.values())), "the item waits for a permit")
    worker.drain()
    wait_for(worker.engine._stopping.is_set, "it stops")
    worker._loop.call(taken.unused)
    thread.join(60)
    assert not thread.is_alive()
    worker._loop.run(permits.flush())
    assert world.fences() == [fence]
    wait_for(lambda: bool(redis.client().exists(queue_key("epics", 3))), "it is given back")
    (limits,) = limits_read({FIRST.model: limit_pool(FIRST.model)})
    assert limits.in_flight == 0


def test_a_call_is_aborted_when_its_lane_was_taken_back(
    worker: Working, simulator: Simulator
) -> None:
    """A worker that was frozen for longer than its lease, after it thawed."""
    simulator.faults([{"match": {}, "times": 1, "action": {"type": "stall"}}])
    world = _world(worker, epics=1)
    (fence,) = world.fences()
    thread = threading.Thread(target=worker.work, args=(fence,))
    thread.start()
    while not simulator.stats()["calls"]:
        time.sleep(0.02)
    Lane.objects.update(state="idle", fencing_token=fence.fencing_token + 1, worker=None)
    RunItem.objects.update(status=ItemStatus.PENDING, lane=None)
    worker.heartbeat()
    thread.join(5)
    assert not thread.is_alive()
    assert RunItem.objects.get().status == ItemStatus.PENDING
    assert simulator.stats()["calls"][0]["status"] == "aborted"


@pytest.fixture
def working(worker: Working, simulator: Simulator) -> Iterator[Callable[..., World]]:
    """Has the worker work on a run's only epic, whose calls are answered so, to the test's end."""
    started: list[threading.Thread] = []

    def start(*actions: dict[str, Any], calls: int = 1) -> World:
        simulator.faults([{"action": action, "times": 1} for action in actions])
        world = _world(worker, epics=1)
        (fence,) = world.fences()
        started.append(threading.Thread(target=worker.work, args=(fence,)))
        started[-1].start()
        wait_for(lambda: len(simulator.stats()["calls"]) == calls, f"{calls} calls")
        return world

    yield start
    worker.drain()
    worker.give_up()
    for thread in started:
        thread.join(5)
        assert not thread.is_alive()


def test_a_beat_tells_of_the_stage_and_of_those_before_it(
    worker: Working, working: Callable[..., World]
) -> None:
    working({"type": "weak_stories"}, {"type": "stall"}, calls=2)
    epic = RunItem.objects.get()
    assert (epic.stage, epic.stage_percent, epic.stage_ms) == ("validation", 0, {})
    worker.heartbeat()
    epic.refresh_from_db()
    assert epic.stage == "quality-validation"
    before = {"validation", "context-building", "component-generation", "template-assembly"}
    assert epic.stage_ms.keys() == before


def test_beats_tell_how_far_a_call_is(worker: Working, working: Callable[..., World]) -> None:
    working({"type": "stall"})
    percents = []
    for _ in range(3):
        worker.heartbeat()
        epic = RunItem.objects.get()
        percents.append(epic.stage_percent)
        # Nothing is known of such calls yet, and a guess is not told in milliseconds.
        assert (epic.stage, epic.remaining_ms) == ("component-generation", None)
        for attempt in worker.engine.attempts.values():
            attempt.progress._clock = partial(later, 5.0 * len(percents))
    assert percents == sorted(set(percents))
    assert percents[-1] < 85


def later(seconds: float) -> float:
    """The clock of an attempt, so much later."""
    return time.monotonic() + seconds


def test_a_beat_without_news_writes_nothing(worker: Working, working: Callable[..., World]) -> None:
    working({"type": "stall"})
    for attempt in worker.engine.attempts.values():
        attempt.progress._clock = partial(float, 1e6)
    worker.heartbeat()
    with connection.cursor() as cursor:
        cursor.execute("SELECT xmin::text FROM runs_runitem")
        before = cursor.fetchone()
        worker.heartbeat()
        cursor.execute("SELECT xmin::text FROM runs_runitem")
        assert cursor.fetchone() == before


def test_a_beat_tells_nothing_of_an_attempt_that_was_overtaken(
    worker: Working, working: Callable[..., World]
) -> None:
    """The same lane has the same epic again, for another worker."""
    working({"type": "stall"})
    Lane.objects.update(fencing_token=F("fencing_token") + 1)
    worker.heartbeat()
    epic = RunItem.objects.get()
    assert (epic.status, epic.stage, epic.stage_percent) == ("GENERATING", "validation", 0)


def test_a_finished_link_sends_the_next_one_and_a_refused_one_sends_none(
    worker: Working,
) -> None:
    world = _world(worker, epics=3)
    (fence,) = world.fences()
    redis.client().flushdb()
    worker.work(fence)
    (after,) = world.fences()
    assert messages_waiting() == {f"{after.lane_id}.{after.fencing_token}"}
    redis.client().flushdb()
    worker.work(fence)
    assert messages_waiting() == frozenset()
    assert world.fences() == [after]


def test_who_has_no_slot_any_more_has_messages_brought_forward(worker: Working) -> None:
    world = _world(worker)
    (fence,) = world.fences()
    redis.client().flushdb()
    slots, links = worker.engine.slots, worker.engine.links
    slots.users = 2
    for _ in range(2):
        slots.take(FIRST.user, weight=1, requeued=False)
    behind, usual = queue_key("epics", LOWEST_PRIORITY), queue_key("epics", 3)
    redis.client().lpush(behind, *["another user's"] * 3)
    assert not worker.work(fence)
    assert (redis.client().llen(behind), redis.client().llen(usual)) == (4, 0)

    async def free() -> None:
        links._free(FIRST)
        await worker.engine.tools.sender.flushed()
        await worker.engine.tools.sender.flushed()

    worker._loop.run(free())
    assert (redis.client().llen(behind), redis.client().llen(usual)) == (4, 0), "it has one"
    worker._loop.run(free())
    assert (redis.client().llen(behind), redis.client().llen(usual)) == (3, 1)
    assert worker.work(fence), "it is as good as the first"


@pytest.mark.parametrize(
    ("due_in_s", "slot_wait_s", "least_s", "most_s"), [(3600, 0.3, 0.3, 30), (-3600, 60, 0, 30)]
)
def test_a_clock_that_is_off_changes_a_wait_by_a_slots_wait_at_most(
    worker: Working,
    settings: Settings,
    *,
    due_in_s: float,
    slot_wait_s: float,
    least_s: float,
    most_s: float,
) -> None:
    settings.SLOT_WAIT_S = slot_wait_s
    nobody = Fence(lane_id=1, fencing_token=1, item_id=worker.id, kind="stories")
    begun = time.monotonic()
    worker.work(nobody, due_at=time.time() + due_in_s)
    assert least_s <= time.monotonic() - begun < most_s
