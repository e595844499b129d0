"""What a person has in hands, and does not let go of, holds up nobody who goes on without it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import pytest
from django.db import connection, transaction
from psycopg.types.json import Jsonb

from epics.models import Epic
from epics.services import epic_delete
from runs.engine.lanes import lanes_dispatch, lanes_reclaim
from runs.engine.queries import QUERIES
from runs.engine.transitions import run_rest
from runs.models import Lane, RunItem, Worker
from runs.states import ItemStatus, LaneState, RunStatus
from tests.integration.engine.world import World, assert_counted, halt

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")


@contextmanager
def being_deleted(code: str) -> Iterator[None]:
    """A person deletes an epic, whose transaction is as long as the context."""
    with transaction.atomic():
        epic_delete(epic_id=Epic.objects.get(code=code).pk)
        yield


def meanwhile(action: Callable[[], T]) -> T:
    """What the action comes to, which is not to wait for this thread's transaction."""

    def act() -> T:
        try:
            return action()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(act).result(10)
        except TimeoutError:
            # Or the thread would wait for ever.
            transaction.set_rollback(True)
            connection.close()
            raise


def test_recovery_leaves_one_item_and_goes_on_with_the_others() -> None:
    world = World.make(epics=2, lanes=2)
    for fence in world.fences():
        world.claim(fence)
    Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
    with being_deleted("E1"):
        assert [row["code"] for row in meanwhile(lanes_reclaim)] == ["E2"]
        assert Lane.objects.filter(state=LaneState.RUNNING).count() == 1
    assert [row["code"] for row in lanes_reclaim()] == ["E1"]
    assert not Lane.objects.filter(state=LaneState.RUNNING).exists()
    assert_counted(world.run)


def test_a_pause_leaves_one_lane_to_the_reconciler() -> None:
    world = World.make(epics=2, lanes=2)
    with being_deleted("E1"):
        meanwhile(partial(halt, run_id=world.run.id, to=RunStatus.PAUSED, message="Paused."))
        waiting = RunItem.objects.filter(lane__isnull=False)
        assert list(waiting.values_list("code", "lane__state")) == [("E1", LaneState.SENT)]
    assert run_rest(run_id=world.run.id) == 1
    assert not RunItem.objects.filter(lane__isnull=False).exists()


def test_a_lease_is_renewed_and_the_other_items_are_told() -> None:
    world = World.make(epics=2, lanes=2)
    fences = world.fences()
    for fence in fences:
        world.claim(fence)
    Worker.objects.update(lease_until="2000-01-01T00:00:00Z")
    reached = [
        {
            "item_id": str(fence.item_id),
            "lane_id": fence.lane_id,
            "fencing_token": fence.fencing_token,
            "stage": "generation",
            "stage_percent": 50,
            "stage_ms": {},
            "skipped_stages": [],
            "notes": [],
        }
        for fence in fences
    ]
    params = {
        "worker_id": world.worker.id,
        "lease_s": 60.0,
        "clock_ahead_s": 0.0,
        "reached": Jsonb(reached),
    }
    with being_deleted("E1"):
        assert len(meanwhile(partial(QUERIES.fetch, "worker_beat", params))) == 2
    stages = RunItem.objects.order_by("code").values_list("stage", flat=True)
    assert list(stages) == ["validation", "generation"]
    assert not Worker.objects.filter(lease_until__lt="2001-01-01T00:00:00Z").exists()


def test_what_outranks_an_item_goes_before_others() -> None:
    """An item that is tried again stays where it is while somebody has it."""
    world = World.make(epics=3, lanes=2)
    Lane.objects.update(state=LaneState.PARKED, wake_at="2000-01-01T00:00Z", wait_reason="backoff")
    RunItem.objects.filter(code="E3").update(priority=9)
    with being_deleted("E1"):
        links = meanwhile(partial(lanes_dispatch, run_id=world.run.id))
    assert sorted(link.code for link in links) == ["E1", "E3"]
    assert RunItem.objects.get(code="E2").lane_id is None
    assert RunItem.objects.get(code="E1").status == ItemStatus.PENDING
