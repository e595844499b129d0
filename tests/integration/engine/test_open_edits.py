"""What a person has in hands, and does not let go of, holds up nobody who goes on without it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from prometheus_client import REGISTRY
from psycopg.types.json import Jsonb

from batchgen.db.ids import new_id
from batchgen.db.sql import Statement, run
from epics.models import Epic
from epics.services import epic_delete
from runs.engine.calls import call_book, call_next
from runs.engine.lanes import (
    GivingBack,
    lane_give_back,
    lanes_dispatch,
    lanes_reclaim,
)
from runs.engine.queries import QUERIES
from runs.engine.transitions import run_rest
from runs.models import Lane, Run, RunItem, Worker
from runs.states import ItemStatus, LaneState, RunStatus
from tests.acceptance.fleet import wait_for
from tests.integration.engine.world import SPEND, Step, World, assert_counted, halt
from tests.threads import until_somebody_waits

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


def test_a_lane_that_changes_while_it_is_waited_for_comes_to_rest_with_the_others() -> None:
    world = World.make(epics=3, lanes=3)
    Run.objects.filter(pk=world.run.pk).update(status=RunStatus.PAUSED)
    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            parked = Lane.objects.filter(run=world.run, index=1)
            parked.update(state=LaneState.PARKED, wait_reason="gate", wake_at=Now())
            rested = thread.submit(run_rest, run_id=world.run.pk)
            until_somebody_waits(10)
        assert rested.result(10) == 3
    assert not RunItem.objects.filter(lane__isnull=False).exists()
    assert not Lane.objects.exclude(state=LaneState.IDLE).exists()


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


def tried(name: str, times: float) -> Callable[[], bool]:
    """Whether a statement was sent so often since now."""

    def sent() -> float:
        labels = {"statement": name}
        return REGISTRY.get_sample_value("batchgen_database_round_trips_total", labels) or 0.0

    before = sent()
    return lambda: sent() >= before + times


@pytest.mark.parametrize("to", [RunStatus.PAUSED, RunStatus.CANCELLED])
@pytest.mark.parametrize("name", ["lane_claim", "lane_finish", "lane_give_back", "call_next"])
def test_who_tries_again_holds_neither_run_nor_lane(name: str, to: RunStatus) -> None:
    """What a pause and a cancel wait for."""
    world = World.make(epics=2, lanes=2)
    fence, other = world.fences()
    step = world.claim(other)
    mine = world.claim(fence) if name != "lane_claim" else None
    moves: dict[str, Callable[[], object]] = {
        "lane_claim": lambda: world.claim(fence),
        "lane_finish": lambda: mine and world.finish(mine),
        "lane_give_back": lambda: mine and run(lane_give_back(giving_back(mine))),
        "call_next": lambda: mine and run(next_of(mine)),
    }
    is_tried = tried(name, 2)
    with ThreadPoolExecutor(1) as thread:
        with being_deleted("E1"):
            moving = thread.submit(moves[name])
            wait_for(is_tried, "it tries again")
            in_flight = meanwhile(partial(halt, run_id=world.run.id, to=to, message="Halted."))
            assert in_flight == (1 if name == "lane_claim" else 2)
            assert step
            assert meanwhile(partial(world.finish, step))
        moved = moving.result(10)
    assert bool(moved) == (name in {"lane_finish", "lane_give_back"})
    if name == "call_next":
        assert mine
        run(call_book(lane_id=mine.fence.lane_id, call_id=mine.call_id, spend=SPEND))
    assert_counted(world.run)


def giving_back(step: Step) -> GivingBack:
    return GivingBack(
        fence=step.fence,
        call_id=step.call_id,
        reason="backoff",
        message="Once more",
        wait_s=0,
        refund=False,
    )


def next_of(step: Step) -> Statement[bool]:
    return call_next(
        fence=step.fence,
        call_id=step.call_id,
        next_call_id=new_id(),
        spend=SPEND,
        response={},
        purpose="repair",
        model="m",
    )
