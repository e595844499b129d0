"""A run with hundreds of lanes and more: what waits in the broker, and what one statement does."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from psycopg.types.json import Jsonb

from batchgen.db.sql import Row
from batchgen.redis import client as redis
from runs.engine import dispatch
from runs.engine.controls import run_control
from runs.engine.dispatch import messages_waiting
from runs.engine.lanes import MOST_SENT, lanes_rest
from runs.engine.queries import QUERIES
from runs.engine.reconciler import reconcile
from runs.engine.start_rows import lanes_provide
from runs.engine.transitions import run_dispatch
from runs.models import Lane, Run, RunItem
from runs.reads.queue import MOST_CURRENT, queue_status
from runs.states import ItemStatus, LaneState
from tests.integration.engine import hands
from tests.integration.engine.test_dispatch import LINK
from tests.integration.engine.world import World

pytestmark = pytest.mark.django_db(transaction=True)

LANES = MOST_SENT + 200


def claim_at_once(world: World, count: int) -> None:
    """As workers would one by one."""
    sent = Lane.objects.filter(run=world.run, state=LaneState.SENT).order_by("index")[:count]
    ids = list(sent.values_list("pk", flat=True))
    Lane.objects.filter(pk__in=ids).update(
        state=LaneState.RUNNING, worker=world.worker, moved_at=Now()
    )
    RunItem.objects.filter(lane__in=ids).update(status=ItemStatus.GENERATING, attempt=1)


def count(state: LaneState) -> int:
    return Lane.objects.filter(state=state).count()


def test_so_many_messages_of_a_run_wait_at_most() -> None:
    world = World.make(epics=LANES, lanes=LANES)
    assert (count(LaneState.SENT), len(messages_waiting())) == (MOST_SENT, MOST_SENT)
    assert reconcile().sent == 0
    claim_at_once(world, 50)
    assert reconcile().sent == 50
    claim_at_once(world, MOST_SENT)
    assert reconcile().sent == LANES - MOST_SENT - 50
    assert count(LaneState.IDLE) == 0


def test_a_lane_that_has_an_item_is_sent_before_those_that_have_none() -> None:
    world = World.make(epics=LANES, lanes=LANES)
    fence = world.fences()[-1]
    assert hands.park(fence=fence, reason="permit-requests", wait_s=0)
    assert reconcile().sent == 1
    assert Lane.objects.get(pk=fence.lane_id).state == LaneState.SENT


def test_messages_that_were_lost_are_sent_again_however_many() -> None:
    world = World.make(epics=LANES, lanes=LANES)
    lost = list(Lane.objects.filter(state=LaneState.SENT).values_list("pk", flat=True))
    redis.client().flushdb()
    assert run_dispatch(run_id=world.run.id, lost_lane_ids=lost) == MOST_SENT


def test_a_pause_puts_so_many_lanes_to_rest_and_the_reconciler_the_others() -> None:
    world = World.make(epics=LANES, lanes=LANES)
    Lane.objects.filter(state=LaneState.SENT).update(
        state=LaneState.PARKED, wake_at="2100-01-01T00:00:00Z", fencing_token=F("fencing_token") + 1
    )
    reconcile()
    assert count(LaneState.IDLE) == 0
    fence = world.fences()[-1]
    user = world.run.created_by
    assert user
    run_control(run=world.run, action="pause", user=user)
    assert count(LaneState.IDLE) == 100
    assert world.claim(fence) is None
    assert [reconcile().rested for _ in range(3)] == [500, LANES - 600, 0]
    assert count(LaneState.IDLE) == LANES
    assert not RunItem.objects.filter(lane__isnull=False).exists()
    run_control(run=world.run, action="resume", user=user)
    assert count(LaneState.SENT) == MOST_SENT


def test_a_cancelled_run_has_ended_once_all_of_its_lanes_rest() -> None:
    world = World.make(epics=LANES, lanes=LANES)
    Lane.objects.filter(state=LaneState.SENT).update(
        state=LaneState.PARKED, wake_at="2100-01-01T00:00:00Z", fencing_token=F("fencing_token") + 1
    )
    reconcile()
    user = world.run.created_by
    assert user
    run_control(run=world.run, action="cancel", user=user)
    assert count(LaneState.IDLE) == 100
    assert (reconcile().ended, Run.objects.get().completed_at) == (0, None)
    done = reconcile()
    assert (done.rested, done.ended) == (LANES - 600, 1)
    assert count(LaneState.IDLE) == LANES
    assert not RunItem.objects.filter(lane__isnull=False).exists()


def test_only_messages_that_are_on_their_way_are_revoked() -> None:
    world = World.make(epics=4, lanes=2)
    first, second = world.fences()
    assert hands.park(fence=first, reason="permit-requests", wait_s=3600)
    Run.objects.filter(pk=world.run.pk).update(status="PAUSED")
    rested = {row["lane_id"]: row["sent"] for row in lanes_rest(run_id=world.run.id)}
    assert rested == {first.lane_id: False, second.lane_id: True}


def test_lanes_are_made_as_the_model_says() -> None:
    world = World.make(epics=5, lanes=1)
    lanes_provide(run=world.run, most=3)
    lanes_provide(run=world.run, most=9)
    assert list(Lane.objects.order_by("index").values_list("index", flat=True)) == list(range(5))
    Lane.objects.filter(index=4).delete()
    Lane.objects.create(run=world.run, index=4)
    given = ("id", "index", "moved_at")
    made, as_the_model = (
        {name: value for name, value in row.items() if name not in given}
        for row in Lane.objects.filter(index__gte=3).values()
    )
    assert made == as_the_model


def test_thousands_of_messages_are_found_among_others() -> None:
    redis.client().flushdb()
    links = [replace(LINK, lane_id=number) for number in range(2500)]
    dispatch.send(links)
    for raw in ("", "[", '{"headers": {"id": 5}}', '{"headers": {"id": "theirs"}}'):
        redis.client().lpush(redis.key("epics"), raw)
    assert messages_waiting() == {link.message_id for link in links} | {"5", "theirs"}


def test_of_each_workers_items_those_are_shown_that_began_first() -> None:
    world = World.make(epics=MOST_CURRENT + 20, lanes=MOST_CURRENT + 20)
    claim_at_once(world, MOST_CURRENT + 20)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE runs_lane SET moved_at = moved_at - index * interval '1 s'")
    user = world.run.created_by
    assert user
    (worker,) = queue_status(user=user).workers
    assert len(worker.current) == MOST_CURRENT
    assert worker.current[0].code == f"E{MOST_CURRENT + 20}"


def beat_of(world: World) -> Callable[[], list[Row]]:
    """That of a worker which says of each of its attempts that it got on."""
    items = RunItem.objects.filter(run=world.run, status=ItemStatus.GENERATING)
    news: list[dict[str, Any]] = [
        {
            "item_id": str(item.pk),
            "lane_id": item.lane_id,
            "fencing_token": 1,
            "stage": "component-generation",
            "stage_percent": 50,
            "stage_ms": {},
            "skipped_stages": [],
            "notes": [],
        }
        for item in items
    ]
    params = {"worker_id": world.worker.pk, "lease_s": 60.0, "clock_ahead_s": 0.0}
    return partial(QUERIES.fetch, "worker_beat", {**params, "reached": Jsonb(news)})


def test_a_beat_waits_for_no_item_that_somebody_has() -> None:
    world = World.make(epics=3, lanes=3)
    claim_at_once(world, 3)
    beat = beat_of(world)
    with ThreadPoolExecutor(max_workers=1) as others, transaction.atomic():
        had = RunItem.objects.select_for_update().get(code="E2")
        assert len(others.submit(beat).result(timeout=10)) == 3
    told = RunItem.objects.filter(stage_percent=50).values_list("code", flat=True)
    assert set(told) == {"E1", "E3"}
    assert had.stage_percent == 0
