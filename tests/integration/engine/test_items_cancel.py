"""Many items of a run cancelled at a time."""

from functools import partial
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from batchgen.errors import InvalidTransition
from runs.engine import items
from runs.engine.controls import run_control, run_retry
from runs.engine.items import items_cancel
from runs.engine.transitions import run_finalize
from runs.models import Run, RunAction, RunItem
from runs.states import ItemStatus, RunStatus
from tests.integration.engine.world import World, assert_counted
from tests.threads import race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dana() -> User:
    return User.objects.create(username="dana", is_staff=True)


def cancel(world: World, dana: User) -> int:
    """All of its items."""
    return items_cancel(run=world.run, user=dana, item_ids=ids_of(world.run))


def ids_of(run: Run) -> list[UUID]:
    return list(RunItem.objects.filter(run=run).order_by("order").values_list("pk", flat=True))


def test_those_that_wait_are_cancelled_and_no_others(
    dana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "_AT_ONCE", 4)
    world = World.make(epics=12, lanes=3)
    done, under_way = world.claim(), world.claim()
    assert done
    assert under_way
    world.finish(done)
    other = World.make(epics=2, lanes=1, name="Other")
    strangers = ids_of(other.run)
    cancelled = items_cancel(run=world.run, user=dana, item_ids=[*ids_of(world.run), *strangers])
    assert cancelled == 10
    assert world.fences() == []
    assert not RunItem.objects.filter(pk__in=strangers, status=ItemStatus.CANCELLED).exists()
    assert world.epic(under_way).status == ItemStatus.GENERATING
    assert not world.epic(under_way).cancel_requested
    world.finish(under_way)
    world.run.refresh_from_db()
    assert world.run.status == RunStatus.RUNNING
    assert cancel(world, dana) == 0
    world.run.refresh_from_db()
    assert world.run.status == RunStatus.SUCCEEDED
    assert_counted(world.run)
    told = RunAction.objects.filter(run=world.run, kind="cancel-item")
    assert sum(action.details["items"] for action in told) == 10
    assert world.run.log.filter(message__endswith="epics cancelled by dana.").count() == 3


def test_a_run_of_which_nothing_is_left_ends(dana: User) -> None:
    world = World.make(epics=3, lanes=2)
    assert cancel(world, dana) == 3
    world.run.refresh_from_db()
    assert world.run.status == RunStatus.CANCELLED
    with pytest.raises(InvalidTransition, match="cancelled has nothing left to cancel"):
        cancel(world, dana)


def test_whatever_happens_meanwhile_each_is_counted_once(dana: User) -> None:
    """Somebody else who cancels, workers who claim, and the run's own cancel."""
    for last in ("cancel", "pause"):
        world = World.make(epics=20, lanes=6)
        fences = world.fences()
        steps = race(
            partial(cancel, world, dana),
            partial(cancel, world, dana),
            *(partial(world.claim, fence) for fence in fences[:4]),
            partial(run_control, run=world.run, action=last, user=dana),
        )
        for step in steps[2:-1]:
            if step:
                world.finish(step)
        assert_counted(world.run)


def test_only_the_chosen_ones_are_retried(dana: User) -> None:
    world = World.make(epics=3, lanes=1)
    for status in (ItemStatus.FAILED, ItemStatus.COMPLETED, ItemStatus.FAILED):
        step = world.claim()
        assert step
        world.finish(step, status=status)
    run_finalize(run_id=world.run.id)
    world.run.refresh_from_db()
    first, second, _ = ids_of(world.run)
    retry = run_retry(run=world.run, user=dana, include_pending=False, item_ids=[first, second])
    assert list(retry.items.values_list("code", flat=True)) == ["E1"]
