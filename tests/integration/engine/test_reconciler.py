"""The reconciler, one round at a time, with the real broker."""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django.fixtures import Settings

from batchgen.celery import app
from batchgen.db import turns
from batchgen.db.ids import new_id
from batchgen.redis import client as redis
from runs.engine import reconciler
from runs.engine.dispatch import messages_waiting, send
from runs.engine.reconciler import LostMessageDetector, reconcile
from runs.engine.transitions import run_dispatch
from runs.models import Lane, Run, RunItem, Worker
from runs.states import Priority, RunStatus
from tests.integration.engine.world import FIRST, World, halt, worker_make
from tests.local.processes import eventually
from tests.loops import Loop
from tests.threads import elsewhere, race
from workers import tasks  # noqa: F401  # whose names the broker's messages have
from workers.permits import Permit, Permits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick_and_clean(settings: Settings) -> None:
    settings.MESSAGE_LOST_S = 0
    redis.client().flushdb()


def test_a_start_sends_one_message_a_lane() -> None:
    world = World.make(epics=9, lanes=4)
    assert messages_waiting() == {
        f"{fence.lane_id}.{fence.fencing_token}" for fence in world.fences()
    }


@pytest.mark.parametrize("priority", list(Priority))
def test_messages_of_every_priority_are_found_in_the_broker(priority: Priority) -> None:
    world = World.make(lanes=1)
    redis.client().flushdb()
    Run.objects.update(priority=priority)
    run_dispatch(run_id=world.run.id, lost_lane_ids=[world.fences()[0].lane_id])
    assert len(messages_waiting()) == 1


def test_a_message_that_waits_long_is_left_alone() -> None:
    World.make()
    assert reconcile(detector=LostMessageDetector()).sent == 0


def test_messages_that_redis_lost_are_sent_again() -> None:
    world = World.make()
    old = world.fences()
    redis.client().flushdb()
    assert reconcile(detector=LostMessageDetector()).sent == 2
    assert [fence.fencing_token for fence in world.fences()] == [
        fence.fencing_token + 1 for fence in old
    ]
    assert len(messages_waiting()) == 2


def test_a_message_that_a_worker_has_in_hand_is_left_alone(settings: Settings) -> None:
    """However long it waited before, in the broker."""
    world = World.make(lanes=1)
    detector = LostMessageDetector()
    with app.connection_for_read() as connection_to_redis:
        queue = connection_to_redis.SimpleQueue(settings.ITEM_QUEUE)
        queue.get(timeout=5)
        settings.MESSAGE_LOST_S = 0.2
        Lane.objects.update(moved_at="2000-01-01T00:00:00Z")
        assert reconcile(detector=detector).sent == 0
        time.sleep(settings.MESSAGE_LOST_S)
        assert reconcile(detector=detector).sent == 1  # in nobody's hands that lives
    assert world.fences()[0].fencing_token == 2


def test_epics_of_a_dead_worker_go_on_at_once() -> None:
    world = World.make(epics=2, lanes=1)
    step = world.claim()
    assert step
    Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
    done = reconcile()
    assert (done.reclaimed, done.sent) == (1, 1)
    world.worker = worker_make("w2@test")
    again = world.claim()
    assert again
    assert again.code == "E1"


def test_what_a_dead_worker_held_of_the_gate_is_free_at_once(
    settings: Settings, loop: Loop
) -> None:
    settings.LIMIT_CONCURRENCY = 1
    world = World.make(epics=2, lanes=2)
    dead = Permits(loop.redis, process=world.worker.id)
    alive = Permits(loop.redis, process=new_id())
    loop.run(dead.open(FIRST.model))
    assert isinstance(loop.run(dead.first(FIRST, patience_s=5)), Permit)
    assert world.claim()
    # With a beginning of its own, so that it does not wait for the provider's cache.
    other = replace(FIRST, cache_key="another text")
    assert not isinstance(loop.run(alive.first(other, patience_s=0.2)), Permit)
    Worker.objects.update(stopped_at="2000-01-01T00:00:00Z")
    assert reconcile().reclaimed == 1
    assert isinstance(loop.run(alive.first(other, patience_s=1)), Permit)


def test_a_run_whose_messages_were_never_sent_is_started() -> None:
    world = World.make()
    redis.client().flushdb()
    Lane.objects.update(state="idle")
    RunItem.objects.update(lane=None)
    assert reconcile().sent == 2
    assert len(world.fences()) == 2


def test_lanes_that_were_sent_in_a_paused_run_come_to_rest() -> None:
    World.make()
    Run.objects.update(status=RunStatus.PAUSED)
    assert reconcile().rested == 2
    assert reconcile().rested == 0
    assert set(Lane.objects.values_list("state", flat=True)) == {"idle"}


def test_runs_that_are_done_are_ended() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    world.finish(step)
    assert reconcile().ended == 1
    assert Run.objects.get().status == RunStatus.SUCCEEDED
    assert reconcile().ended == 0


def test_a_cancelled_run_whose_worker_died_is_ended() -> None:
    world = World.make(epics=2, lanes=1)
    world.claim()
    halt(run_id=world.run.id, to=RunStatus.CANCELLED, message="Cancelled.")
    assert reconcile().ended == 0
    Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
    reconcile()
    run = Run.objects.get()
    assert (run.status, run.draining) == (RunStatus.CANCELLED, False)


def test_of_rounds_at_once_one_does_the_work() -> None:
    World.make()
    Lane.objects.update(state="idle")
    RunItem.objects.update(lane=None)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(7102)")
        (other,) = race(reconcile)
        assert not any(other.as_dict().values())
    assert reconcile().sent == 2


class Still(LostMessageDetector):
    """Of a process that stands still in the middle of its round until another has had a turn."""

    def lost(self) -> dict[UUID, list[int]]:
        race(lambda: Worker.objects.update(lease_until="2000-01-01T00:00:00Z"))
        assert eventually(lambda: race(reconcile)[0].reclaimed == 1)
        return {}


def test_the_turn_of_a_process_that_stands_still_is_given_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One on a host that is gone would have it for as long as PostgreSQL believes in its host."""
    monkeypatch.setattr(reconciler, "_VANISHED_S", 0.1)
    World.make(lanes=1).claim()
    with pytest.raises(DatabaseError):
        reconcile(detector=Still())


@pytest.fixture
def broker_at(settings: Settings) -> Iterator[Callable[[int], None]]:
    """Has the process go to another port for its broker."""

    def go(port: int) -> None:
        redis.client.cache_clear()
        settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"

    yield go
    redis.client.cache_clear()


def test_without_a_broker_nothing_is_lost(broker_at: Callable[[int], None]) -> None:
    world = World.make()
    broker_at(9)
    assert reconcile(detector=LostMessageDetector()).sent == 0
    assert len(world.fences()) == 2
    send([])


def test_without_a_broker_what_is_lost_is_taken_back_and_nothing_sent(
    broker_at: Callable[[int], None],
) -> None:
    world = World.make(lanes=2)
    world.claim()
    Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
    broker_at(9)
    done = reconcile()
    assert (done.reclaimed, done.sent) == (1, 0)
    assert Lane.objects.filter(state="idle").count() == 1


def test_who_waits_for_a_broker_that_hangs_has_no_turn(broker_at: Callable[[int], None]) -> None:
    """Else all others wait, and each of them for its own connection to the broker after that."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        broker_at(hanging.getsockname()[1])
        waiting = elsewhere(reconcile)
        asked, _ = hanging.accept()
        with asked:
            asked.recv(1)
            for _ in range(20):
                with turns.turn(7102) as mine:
                    assert mine
                time.sleep(0.02)
        hanging.close()
        waiting.join(10)
