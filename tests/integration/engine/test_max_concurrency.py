"""A run that gets fewer lanes, or more: no epic is kept by a lane beyond the limit."""

from collections.abc import Callable
from random import Random

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from pytest_django.fixtures import Settings

from batchgen.redis import client as redis
from runs.engine.controls import run_change
from runs.engine.reconciler import LostMessageDetector, reconcile
from runs.models import Lane, Run, RunItem, Worker
from runs.states import ItemStatus, LaneState, RunStatus
from tests.integration.engine import hands
from tests.integration.engine.world import Step, World, halt, worker_make

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("grouping")]

PAST = "2000-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def _lost_at_once(settings: Settings) -> None:
    settings.MESSAGE_LOST_S = 0


def lanes_set(world: World, limit: int) -> None:
    run = Run.objects.get(id=world.run.id)
    user = User.objects.get(username="ada")
    run_change(run=run, user=user, version=run.version, priority=None, max_concurrency=limit)


def limit_set(world: World, limit: int) -> None:
    """As `lanes_set`, by a process that dies right after its commit."""
    Run.objects.filter(id=world.run.id).update(max_concurrency=limit, version=F("version") + 1)


def claim_all(world: World) -> list[Step]:
    return [step for fence in world.fences() if (step := world.claim(fence))]


def work_to_the_end(world: World, *, most: int) -> Run:
    """Rounds of the reconciler and workers, with no more than so many epics at once."""
    detector = LostMessageDetector()
    for _ in range(40):
        reconcile(detector=detector)
        steps = claim_all(world)
        assert Lane.objects.filter(run=world.run, state=LaneState.RUNNING).count() <= most
        for step in steps:
            world.finish(step)
        run = Run.objects.get(id=world.run.id)
        if run.completed_at is not None:
            break
    return run


def sent(world: World) -> None:
    assert len(world.fences()) == 3


def sent_and_lost(world: World) -> None:
    redis.client().flushdb()


def parked(world: World) -> None:
    for fence in world.fences():
        assert hands.park(fence=fence, reason="permit-requests", wait_s=3600)


def idle_with_an_epic(world: World) -> None:
    """No statement leaves a lane so; a person with a database client does."""
    Lane.objects.filter(run=world.run).update(
        state=LaneState.IDLE, fencing_token=F("fencing_token") + 1
    )


def given_back(world: World, steps: list[Step]) -> None:
    for step in steps:
        assert give_back(step, reason="rate-limit", wait_s=3600)


def tried_again(world: World, steps: list[Step]) -> None:
    for step in steps:
        assert give_back(step, reason="backoff", wait_s=0)


def paced(world: World, steps: list[Step]) -> None:
    for step in steps:
        assert world.finish(step, park_s=3600)


def died(world: World, steps: list[Step]) -> None:
    Worker.objects.update(lease_until=PAST)
    world.worker = worker_make("w2@test")


def give_back(step: Step, *, reason: str, wait_s: float) -> bool:
    return hands.give_back(
        fence=step.fence,
        call_id=step.call_id,
        reason=reason,
        message="Later.",
        wait_s=wait_s,
        refund=True,
    )


lowered = pytest.mark.parametrize("lower", [lanes_set, limit_set])


@lowered
@pytest.mark.parametrize("waits", [sent, sent_and_lost, parked, idle_with_an_epic])
def test_no_lane_beyond_the_limit_keeps_an_epic_that_waits(
    waits: Callable[[World], None], lower: Callable[[World, int], None]
) -> None:
    world = World.make(epics=7, lanes=3)
    waits(world)
    lower(world, 1)
    assert_ends_in_one_lane(world)


@lowered
@pytest.mark.parametrize("ends", [given_back, tried_again, paced, died])
@pytest.mark.parametrize("order", ["ended, then lowered", "lowered, then ended"])
def test_no_lane_beyond_the_limit_keeps_an_epic_after_a_call(
    ends: Callable[[World, list[Step]], None], lower: Callable[[World, int], None], order: str
) -> None:
    world = World.make(epics=7, lanes=3)
    steps = claim_all(world)
    if order == "lowered, then ended":
        lower(world, 1)
    ends(world, steps)
    lower(world, 1)
    assert_ends_in_one_lane(world)


def assert_ends_in_one_lane(world: World) -> None:
    Lane.objects.filter(index=0, state=LaneState.PARKED).update(wake_at=PAST)
    assert work_to_the_end(world, most=1).status == RunStatus.SUCCEEDED


def test_fewer_lanes_hold_at_once() -> None:
    world = World.make(epics=7, lanes=3)
    late = world.fences()[1]
    lanes_set(world, 1)
    assert [fence.lane_id for fence in world.fences()] == [Lane.objects.get(index=0).id]
    assert world.claim(late) is None
    assert RunItem.objects.filter(lane__isnull=False).count() == 1


def test_a_message_beyond_the_limit_claims_nothing() -> None:
    world = World.make(epics=7, lanes=3)
    limit_set(world, 2)
    assert [world.claim(fence) is not None for fence in world.fences()] == [True, True, False]


def test_calls_that_have_begun_beyond_the_limit_are_finished() -> None:
    world = World.make(epics=7, lanes=3)
    steps = claim_all(world)
    lanes_set(world, 1)
    reconcile()
    states = [world.finish(step)["state"] for step in steps]  # type: ignore[index]
    assert states == ["sent", "idle", "idle"]


def test_a_call_that_is_to_be_tried_again_waits_its_time_beyond_the_limit_too() -> None:
    world = World.make(epics=3, lanes=3)
    steps = claim_all(world)
    lanes_set(world, 1)
    give_back(steps[2], reason="backoff", wait_s=3600)
    for step in steps[:2]:
        world.finish(step)
    reconcile()
    assert Lane.objects.get(index=2).state == LaneState.PARKED
    assert world.fences() == []
    Lane.objects.filter(index=2).update(wake_at=PAST)
    assert work_to_the_end(world, most=1).status == RunStatus.SUCCEEDED


def test_a_run_that_stands_still_rests_its_lanes_beyond_the_limit_too() -> None:
    world = World.make(epics=7, lanes=3)
    limit_set(world, 1)
    halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Stop.")
    assert set(Lane.objects.values_list("state", flat=True)) == {"idle"}


@pytest.mark.parametrize("seed", range(8))
def test_however_it_is_changed_the_run_ends(seed: int) -> None:
    random = Random(seed)
    world = World.make(epics=30, lanes=4)
    waiting = RunItem.objects.filter(run=world.run, status=ItemStatus.PENDING)
    detector = LostMessageDetector()
    while waiting.exists():
        random.choice([lanes_set, limit_set])(world, random.randint(1, 6))
        for fence in random.sample(world.fences(), len(world.fences())):
            if random.random() < 0.2:
                hands.park(fence=fence, reason="turn", wait_s=0)
            elif (step := world.claim(fence)) is None:
                continue
            elif random.random() < 0.2:
                reason = random.choice(["backoff", "rate-limit"])
                give_back(step, reason=reason, wait_s=random.choice([0, 0.02]))
            else:
                world.finish(step, park_s=random.choice([0, 0.02]))
        if random.random() < 0.2:
            redis.client().flushdb()
        reconcile(detector=detector)
    assert work_to_the_end(world, most=6).status == RunStatus.SUCCEEDED
