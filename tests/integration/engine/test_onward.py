"""A worker's lanes whose items are quick: each goes on by itself for a while, without a message."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from batchgen.db.ids import new_id
from batchgen.redis import client as redis
from content.errors import StorageUnavailable
from content.registry import kind_named
from content.stories.kind import StoriesKind
from providers.anthropic.client import ProviderClient
from providers.registry import limit_pool
from runs.engine.dispatch import messages_waiting
from runs.engine.going_on import GoingOn, Moved
from runs.engine.lanes import Fence
from runs.engine.refusals import BudgetRefused
from runs.models import Lane, ProviderCall, Run, RunItem, Worker
from runs.reads.gates import limits_read
from runs.states import ItemStatus, LaneState, RunStatus
from tests.acceptance.fleet import wait_for
from tests.conftest import Simulator
from tests.integration.engine.bench import request_make
from tests.integration.engine.world import FIRST, FIRST_CALL, World, assert_booked, assert_counted
from tests.threads import elsewhere
from workers import links, process
from workers.celery_face import Consumer
from workers.process import WorkerProcess
from workers.tasks import generate_item

pytestmark = pytest.mark.django_db(transaction=True)

#: Of a lane that goes on for as long as there is something to do.
_LONG_S = 600.0


class Events:
    """What Celery's dispatcher is given."""

    enabled, groups = True, frozenset({"task"})

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def send(self, kind: str, *, uuid: str, **_: object) -> None:
        self.sent.append((kind, uuid))


class Quick(WorkerProcess):
    """A worker that is given the message of a lane, and what it did then."""

    def goes(self, world: World, *, alone_s: float = _LONG_S) -> None:
        """Work on the run's lanes, each from its message on, until all rest or were sent."""
        redis.client().flushdb()
        for fence in world.fences():
            request = request_make(fence, FIRST_CALL, alone_s=alone_s, behind=True)
            self._loop.run(self.engine.links.work(request))
        wait_for(lambda: not self.engine.links.under_way, "all links end")
        self._loop.run(self.engine.tools.sender.flushed())
        self._loop.run(self.engine.tools.permits.flush())

    def in_flight(self) -> int:
        """Calls that the limiter knows of."""
        (limits,) = limits_read({FIRST.model: limit_pool(FIRST.model)})
        return limits.in_flight


@pytest.fixture
def scarce(settings: Settings) -> None:
    """Two calls a second; before the worker, whose gate goes by it from its start on."""
    settings.LIMIT_REQUESTS_PER_MINUTE = 120


@pytest.fixture
def worker(
    simulator: Simulator, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Quick]:
    monkeypatch.setattr(links, "_QUICK_S", _LONG_S)
    settings.HEARTBEAT_S = settings.RECONCILE_S = 3600
    simulator.reset()
    redis.client().flushdb()
    worker = Quick(
        name="w1@test",
        concurrency=4,
        connect=lambda _: ProviderClient(
            api_key="k", base_url=simulator.url, timeout_s=20, max_connections=8
        ),
    )
    worker.start()
    process.set_current(worker)
    yield worker
    process.set_current(None)
    worker.stop()


@pytest.fixture
def world(worker: Quick) -> World:
    """A run of one lane."""
    world = World.make(epics=4, lanes=1)
    world.worker.delete()
    world.worker = Worker.objects.get(id=worker.id)
    RunItem.objects.update(estimated_input_tokens=FIRST.input_tokens)
    return world


def ended() -> int:
    return RunItem.objects.filter(status=ItemStatus.COMPLETED).count()


def test_it_works_on_items_without_a_message_to_the_end_of_the_run(
    worker: Quick, world: World, simulator: Simulator
) -> None:
    worker.goes(world)
    assert ended() == 4
    assert messages_waiting() == frozenset()
    world.run.refresh_from_db()
    assert world.run.status == RunStatus.SUCCEEDED
    assert_counted(world.run)
    assert_booked(world.run)
    assert (len(simulator.stats()["calls"]), worker.in_flight()) == (4, 0)


def test_each_of_them_is_a_task_to_celery(worker: Quick, world: World) -> None:
    events = Events()
    consumer = Consumer(task=generate_item, hostname="w1@test", events=events)
    worker._loop.run(_attached(worker, consumer))
    (first,) = world.fences()
    worker.goes(world)
    follow = [f"{first.lane_id}.{first.fencing_token + place}" for place in (1, 2, 3)]
    for id_ in follow:
        kinds = [kind for kind, uuid in events.sent if uuid == id_]
        assert kinds == ["task-received", "task-started", "task-succeeded"]


async def _attached(worker: Quick, consumer: Consumer) -> None:
    worker.engine.intake.attach(consumer)


def test_after_a_while_it_goes_by_a_message(worker: Quick, world: World) -> None:
    worker.goes(world, alone_s=0)
    assert ended() == 1
    assert len(messages_waiting()) == 1
    assert worker.in_flight() == 0


def test_one_whose_items_take_long_goes_by_messages(
    worker: Quick, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "_QUICK_S", 0.0)
    worker.goes(world)
    assert (ended(), len(messages_waiting())) == (1, 1)


def test_one_with_a_pace_goes_by_messages(worker: Quick, world: World) -> None:
    Run.objects.update(delay_ms=1)
    worker.goes(world)
    assert (ended(), len(messages_waiting())) == (1, 1)


def test_one_whose_items_read_what_others_made_goes_by_messages(
    worker: Quick, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kind_named("pages").reads_others
    monkeypatch.setattr(StoriesKind, "reads_others", True)
    worker.goes(world)
    assert (ended(), len(messages_waiting())) == (1, 1)


def test_one_that_waits_for_a_permit_goes_by_a_message(
    scarce: None, worker: Quick, world: World
) -> None:
    worker.goes(world)
    assert (ended(), len(messages_waiting())) == (1, 1)
    assert worker.in_flight() == 0


def test_one_whose_item_fails_goes_by_a_message(
    worker: Quick, world: World, simulator: Simulator
) -> None:
    simulator.faults([{"match": {"epic": "E1"}, "times": 1, "action": {"type": "refusal"}}])
    worker.goes(world)
    assert RunItem.objects.filter(status=ItemStatus.FAILED).count() == 1
    assert (ended(), len(messages_waiting())) == (0, 1)


def test_one_whose_next_item_is_much_larger_goes_by_a_message(worker: Quick, world: World) -> None:
    larger = round(FIRST.input_tokens * 1.5)
    RunItem.objects.filter(code="E3").update(estimated_input_tokens=larger)
    worker.goes(world)
    assert (ended(), len(messages_waiting())) == (2, 1)
    assert worker.in_flight() == 0


def test_where_a_budget_refuses_the_next_call_its_item_ends_all_the_same(
    worker: Quick, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: GoingOn) -> Moved | None:
        raise BudgetRefused(1, 1)

    monkeypatch.setattr(worker.engine.tools.store, "go_on", refused)
    worker.goes(world)
    assert (ended(), len(messages_waiting())) == (1, 1)
    assert worker.in_flight() == 0


def test_what_was_claimed_as_its_worker_stops_goes_back_and_no_call_begins(
    worker: Quick, world: World, monkeypatch: pytest.MonkeyPatch, simulator: Simulator
) -> None:
    store = worker.engine.tools.store
    go_on = store.go_on

    async def stopped(member: GoingOn) -> Moved | None:
        moved = await go_on(member)
        worker.engine._stopping.set()
        return moved

    monkeypatch.setattr(store, "go_on", stopped)
    worker.goes(world)
    assert ended() == 1
    assert RunItem.objects.filter(status=ItemStatus.PENDING, attempt=0).count() == 3
    assert Lane.objects.get().state == LaneState.PARKED
    assert len(simulator.stats()["calls"]) == 1
    assert ProviderCall.objects.get(outcome="NOT_MADE")
    assert_booked(world.run)
    assert worker.in_flight() == 0


def test_of_a_worker_that_stops_it_goes_by_a_message(
    worker: Quick, world: World, simulator: Simulator
) -> None:
    simulator.config(latency_ms=300)
    thread = elsewhere(lambda: worker.goes(world))
    wait_for(lambda: worker.engine.attempts, "its call is under way")
    worker.engine._stopping.set()
    thread.join(20)
    assert (ended(), len(messages_waiting())) == (1, 1)
    assert Lane.objects.get().state == LaneState.SENT


def test_a_second_call_gives_the_next_items_permit_back(
    worker: Quick, world: World, simulator: Simulator
) -> None:
    weak = {"type": "weak_stories"}
    simulator.faults([{"match": {"epic": "E2"}, "times": 1, "action": weak}])
    worker.goes(world)
    assert ended() == 4
    assert ProviderCall.objects.filter(item__code="E2").count() == 2
    assert worker.in_flight() == 0


def test_the_permit_of_one_that_is_given_back_goes_back(
    worker: Quick, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StorageUnavailable("PostgreSQL is away.")

    monkeypatch.setattr(StoriesKind, "result", away)
    worker.goes(world)
    assert Lane.objects.get().state == LaneState.PARKED
    assert worker.in_flight() == 0


def test_a_share_that_is_full_stops_no_lane_that_goes_on(worker: Quick) -> None:
    """It holds a slot already; who waits gets one at its next message."""
    world = World.make(epics=6, lanes=2)
    RunItem.objects.update(estimated_input_tokens=FIRST.input_tokens)
    worker.engine.slots.users = 8
    worker.goes(world)
    assert ended() == 6


def test_the_time_counts_from_the_last_message() -> None:
    fence = Fence(lane_id=1, fencing_token=1, item_id=new_id(), kind="stories")
    request = request_make(fence, FIRST_CALL, alone_s=3)
    assert request.followed_by(request.message).alone_until == request.alone_until
