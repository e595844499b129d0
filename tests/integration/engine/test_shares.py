"""What the limiter hears of a run's user, and how many lanes a run has."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from limiter.values import NOBODY
from runs.engine import transitions
from runs.engine.controls import run_change
from runs.engine.dispatch import Link, queue_depths
from runs.engine.lanes import lanes_dispatch
from runs.engine.transitions import run_dispatch
from runs.models import Lane, Run, Share
from tests.integration.engine.world import World
from workers.permits import FirstCall

pytestmark = pytest.mark.django_db(transaction=True)


def heard(link: Link) -> tuple[str, int]:
    """The user and the weight that a message's reader tells the limiter."""
    request = FirstCall.of(link.first_call).permit_request()
    return request.user, request.weight


def dispatched(world: World) -> Link:
    Lane.objects.filter(run=world.run).update(state="idle")
    (link, *_) = lanes_dispatch(run_id=world.run.id)
    return link


def finished(world: World) -> Link:
    step = world.claim()
    assert step
    row = world.finish(step)
    assert row
    return Link.of(row)


@pytest.mark.parametrize("sent", [dispatched, finished])
def test_the_limiter_hears_whose_run_it_is_and_what_its_turns_weigh(
    sent: Callable[[World], Link],
) -> None:
    world = World.make(epics=4, lanes=1)
    user = User.objects.get(username="ada")
    assert heard(sent(world)) == (str(user.pk), 1)
    Share.objects.create(user=user, weight=4)
    assert heard(sent(world)) == (str(user.pk), 4)
    Run.objects.update(created_by=None)
    assert heard(sent(world)) == (NOBODY, 1)


@pytest.mark.parametrize("weight", [0, 11])
def test_a_weight_has_bounds(weight: int) -> None:
    user = User.objects.create_user("ada")
    with pytest.raises(IntegrityError), transaction.atomic():
        Share.objects.create(user=user, weight=weight)


def test_a_run_has_no_more_lanes_than_epics_and_shows_what_was_asked_for() -> None:
    world = World.make(epics=3, lanes=50)
    assert Lane.objects.filter(run=world.run).count() == 3
    assert Run.objects.get().max_concurrency == 50
    user = User.objects.get(username="ada")
    run_change(run=Run.objects.get(), user=user, version=2, priority=None, max_concurrency=40)
    assert Lane.objects.filter(run=world.run).count() == 3
    assert Run.objects.get().max_concurrency == 40


def test_messages_beyond_a_users_first_ones_wait_behind_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transitions, "MOST_AHEAD", 5)
    world = World.make(epics=8, lanes=8)
    Lane.objects.filter(run=world.run).update(state="idle")
    before = queue_depths()
    assert run_dispatch(run_id=world.run.id) == 8
    after = queue_depths()
    assert {name: after[name] - before[name] for name in ("NORMAL", "BEHIND")} == {
        "NORMAL": 5,
        "BEHIND": 3,
    }
