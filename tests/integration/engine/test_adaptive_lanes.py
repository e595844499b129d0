"""Lanes of runs that leave their number to the engine."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from runs.engine.adaptive import lanes_adapt_all
from runs.engine.controls import run_change, run_control, run_retry
from runs.engine.queries import QUERIES
from runs.engine.reconciler import reconcile
from runs.engine.start import RunOptions, run_start
from runs.engine.start_rows import lanes_provide
from runs.engine.transitions import run_begin, run_dispatch, run_rest
from runs.models import Lane, Run, RunAction, RunItem, RunLog, Worker
from runs.states import ItemStatus, LaneState
from tests.integration.engine import hands
from tests.integration.engine.test_many_lanes import claim_at_once
from tests.integration.engine.world import World, project_make, worker_make
from tests.threads import race

pytestmark = pytest.mark.django_db(transaction=True)

#: Of the profile: lanes to begin with, and to spare.
LEAST = 10


def world_make(*, epics: int = 300, slots: int = 1000, name: str = "Library") -> World:
    """A run whose starter named no number of lanes, and a worker with so many slots."""
    project = project_make(epics=epics, name=name)
    options = RunOptions(pacing_profile="adaptive")
    run = run_start(project=project, user=project.created_by, options=options)
    run_begin(run_id=run.id)
    worker = worker_make(f"{name}@test")
    worker.concurrency = slots
    worker.save()
    return World(run=run, worker=worker)


def lanes(world: World) -> int:
    return Run.objects.get(pk=world.run.pk).max_concurrency


def later(world: World, *, seconds: int = 60) -> None:
    """Nothing began or was changed of late."""
    Lane.objects.filter(run=world.run).update(moved_at=F("moved_at") - timedelta(seconds=seconds))
    Run.objects.filter(pk=world.run.pk).update(
        lanes_adapted_at=F("lanes_adapted_at") - timedelta(seconds=seconds)
    )


def test_they_grow_as_long_as_permits_find_no_lane() -> None:
    world = world_make()
    assert lanes(world) == LEAST
    claim_at_once(world, LEAST)
    assert lanes_adapt_all() == 1
    assert lanes(world) == LEAST + 2 * 2 * LEAST
    assert reconcile().sent == 40
    claim_at_once(world, 40)
    assert lanes_adapt_all() == 1
    assert lanes(world) == 50 + 2 * 2 * 50
    assert Lane.objects.filter(run=world.run).count() == 250
    # They wait for permits: enough.
    reconcile()
    assert lanes_adapt_all() == 0


def test_they_shrink_when_fewer_calls_are_under_way() -> None:
    world = world_make(epics=600)
    Run.objects.update(max_concurrency=200, lanes_adapted_at="2026-01-01T00:00:00Z")
    assert lanes_adapt_all() == 1
    assert lanes(world) == 150
    assert lanes_adapt_all() == 0, "not twice at the same moment"
    for expected in (112, 84, 63, 47, 35, 26, 20, 20):
        later(world)
        lanes_adapt_all()
        assert lanes(world) == expected


def test_lanes_beyond_the_new_number_keep_no_item() -> None:
    world = world_make(epics=600)
    Run.objects.update(max_concurrency=40)
    lanes_provide(run=Run.objects.get(), most=40)
    run_dispatch(run_id=world.run.pk)
    claim_at_once(world, 5)
    Run.objects.update(lanes_adapted_at="2026-01-01T00:00:00Z")
    later(world)
    assert lanes_adapt_all() == 1
    assert lanes(world) == 30
    assert run_rest(run_id=world.run.pk) == 10
    assert Lane.objects.filter(state=LaneState.SENT).count() == 25


def test_a_persons_number_ends_it() -> None:
    world = world_make()
    user = User.objects.get(username="ada")
    run = Run.objects.get()
    run_change(run=run, user=user, version=run.version, priority="HIGH", max_concurrency=None)
    assert Run.objects.get().adaptive_lanes
    run = Run.objects.get()
    run_change(run=run, user=user, version=run.version, priority=None, max_concurrency=12)
    run_dispatch(run_id=world.run.pk)
    claim_at_once(world, 12)
    assert lanes_adapt_all() == 0
    assert lanes(world) == 12


def test_a_persons_number_wins_at_the_same_moment() -> None:
    """Whichever comes first: what the engine decided by the number before changes nothing."""
    for number in range(8):
        world = world_make(epics=60, name=f"Library {number}")
        claim_at_once(world, LEAST)
        user, run = User.objects.get(username="ada"), Run.objects.get(pk=world.run.pk)

        def person(run: Run = run, user: User = user) -> None:
            run_change(run=run, user=user, version=run.version, priority=None, max_concurrency=3)

        race(person, lanes_adapt_all, lanes_adapt_all)
        after = Run.objects.get(pk=run.pk)
        assert (after.max_concurrency, after.adaptive_lanes) == (3, False)
        run_control(run=after, action="cancel", user=user)
        Lane.objects.filter(run=run).update(state=LaneState.IDLE)


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param({"adaptive_lanes": False}, id="a person named the same number"),
        pytest.param({"max_concurrency": 40}, id="another worker was first"),
        pytest.param({"status": "PAUSED"}, id="a person paused it"),
    ],
)
def test_what_was_decided_before_a_change_changes_nothing(meanwhile: dict[str, object]) -> None:
    world = world_make()
    decided = {"run_id": world.run.pk, "before": LEAST, "lanes": 50}
    Run.objects.update(**meanwhile)
    assert QUERIES.fetch("lanes_adapt", decided) == []
    assert Lane.objects.count() == LEAST
    Run.objects.update(adaptive_lanes=True, max_concurrency=LEAST, status="RUNNING")
    assert QUERIES.fetch("lanes_adapt", decided)


def test_a_row_that_somebody_holds_is_not_waited_for() -> None:
    world = world_make()
    claim_at_once(world, LEAST)
    with transaction.atomic():
        Run.objects.select_for_update().get(pk=world.run.pk)
        assert lanes_adapt_all() == 0
    assert lanes_adapt_all() == 1


def paused(world: World) -> None:
    user = User.objects.get(username="ada")
    run_control(run=world.run, action="pause", user=user)


def closed(world: World) -> None:
    (fence, *_) = world.fences()
    assert hands.park(fence=fence, reason="gate-closed", wait_s=60)


def without_workers(world: World) -> None:
    world.worker.delete()


@pytest.mark.parametrize("still", [paused, closed, without_workers])
def test_nothing_is_learnt_while_no_call_may_start(still: Callable[[World], None]) -> None:
    world = world_make()
    Run.objects.update(max_concurrency=200)
    still(world)
    assert lanes_adapt_all() == 0
    assert lanes(world) == 200


def test_they_stay_within_the_slots_of_workers_and_those_are_shared() -> None:
    one, two = world_make(slots=30, name="one"), world_make(slots=30, name="two")
    claim_at_once(one, LEAST)
    Run.objects.filter(pk=one.run.pk).update(max_concurrency=60)
    lanes_provide(run=Run.objects.get(pk=one.run.pk), most=60)
    run_dispatch(run_id=one.run.pk)
    claim_at_once(one, 50)
    assert Lane.objects.filter(state=LaneState.RUNNING).count() == 60
    lanes_adapt_all()
    assert lanes(one) == 60, "no slot is free"
    assert lanes(two) == LEAST
    claim_at_once(two, LEAST)
    lanes_adapt_all()
    assert lanes(two) == 30, "its half of the slots"


def test_they_stay_within_what_a_user_may_have(settings: Settings) -> None:
    settings.USER_LANES = 25
    world = world_make()
    claim_at_once(world, LEAST)
    lanes_adapt_all()
    assert lanes(world) == 25


def test_lanes_whose_item_is_to_be_tried_again_count_as_busy() -> None:
    world = world_make()
    for fence in world.fences():
        assert hands.park(fence=fence, reason="backoff", wait_s=60)
    lanes_adapt_all()
    assert lanes(world) == LEAST + 2 * LEAST


def test_the_log_and_the_trail_say_so() -> None:
    world = world_make()
    start = RunAction.objects.get(run=world.run)
    assert start.details["max_concurrency"] == LEAST
    assert "10 lanes to begin with" in RunLog.objects.filter(run=world.run).first().message  # type: ignore[union-attr]
    claim_at_once(world, LEAST)
    lanes_adapt_all()
    told = RunAction.objects.exclude(pk=start.pk).get()
    assert (told.actor, told.kind) == ("batchgen", "change")
    assert told.details == {
        "max_concurrency": 50,
        "lanesBefore": 10,
        "epicsDone": 0,
        "callsPerSecond": 10,
        "callS": None,
    }
    line = RunLog.objects.order_by("-id").first()
    assert line
    assert line.message == "50 lanes now: 10 calls are under way, 10 began in the last second."
    # A little more is told once it stays.
    Run.objects.update(max_concurrency=55)
    lanes_adapt_all()
    assert RunAction.objects.count() == 2
    later(world, seconds=6)
    Lane.objects.update(moved_at=F("moved_at") + timedelta(seconds=6))
    lanes_adapt_all()
    lanes_adapt_all()
    assert RunAction.objects.order_by("-id")[0].details["max_concurrency"] == 55
    assert RunAction.objects.count() == 3


def test_only_runs_that_leave_it_to_the_engine_adapt() -> None:
    for name, options in {
        "a number": RunOptions(pacing_profile="adaptive", max_concurrency=4),
        "another pace": RunOptions(pacing_profile="fast"),
        "no calls": RunOptions(
            pacing_profile="adaptive", type="EXPORT", options={"format": "json"}
        ),
    }.items():
        run = run_start(project=project_make(name=name), user=None, options=options)
        assert not run.adaptive_lanes, name


def test_a_retry_adapts_as_its_run_did() -> None:
    world = world_make(epics=3)
    user = User.objects.get(username="ada")
    RunItem.objects.update(status=ItemStatus.FAILED, completed_at="2026-01-01T00:00:00Z")
    Run.objects.update(status="FAILED", max_concurrency=700, completed_at="2026-01-01T00:00:00Z")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM runs_opentarget")
    retry = run_retry(run=Run.objects.get(pk=world.run.pk), user=user, include_pending=False)
    assert (retry.adaptive_lanes, retry.max_concurrency) == (True, LEAST)


def test_the_api_says_who_sets_the_number(client: APIClient) -> None:
    world = world_make()
    client.force_login(User.objects.get(username="ada"))
    path = f"/api/v1/runs/{world.run.pk}"
    shown = client.get(path).json()["data"]
    assert (shown["adaptiveLanes"], shown["maxConcurrency"]) == (True, LEAST)
    body = {"maxConcurrency": 10_000, "version": shown["version"]}
    changed = client.patch(path, data=body, content_type="application/json").json()["data"]
    assert (changed["adaptiveLanes"], changed["maxConcurrency"]) == (False, 10_000)


def test_a_start_expects_the_lanes_that_will_be_found(
    client: APIClient, settings: Settings
) -> None:
    """200 epics of 20 s: in 10 lanes 400 s, in 100 lanes 40 s, and 30 a minute are allowed."""
    project = project_make(epics=200)
    worker_make()
    Worker.objects.update(concurrency=100)
    client.force_login(User.objects.get(username="ada"))
    path, body = f"/api/v1/projects/{project.pk}/runs", {"pacingProfile": "adaptive"}

    def started() -> dict[str, Any]:
        answer = client.post(path, data=body, content_type="application/json")
        Run.objects.update(status="CANCELLED", completed_at="2026-01-01T00:00:00Z")
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM runs_opentarget")
        shown: dict[str, Any] = answer.json()["data"]
        return shown

    assert started()["estimatedDurationMs"] == 40_000
    settings.LIMIT_REQUESTS_PER_MINUTE = 30
    limited = started()
    assert limited["estimatedDurationMs"] == 400_000
    assert limited["warnings"][0]["message"] == (
        "200 epics may take about 7 min, in as many lanes as workers and limits allow."
    )
