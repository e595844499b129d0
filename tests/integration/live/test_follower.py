"""The follower's thread, without a server around it."""

import asyncio
import threading
from functools import partial

import pytest
from django.db.models import F

from runs.engine.trail import log_append
from runs.live.events import Position
from runs.live.follower import Follower
from runs.live.subscriber import Subscriber
from runs.models import Worker
from tests.integration.engine.world import World
from tests.threads import elsewhere

pytestmark = pytest.mark.django_db(transaction=True)

_WAIT_S = 20.0


async def told(subscriber: Subscriber, text: bytes) -> bytes | None:
    """What came until the text was in it; None where the stream ended before."""
    until = asyncio.get_running_loop().time() + _WAIT_S
    so_far = b""
    while text not in so_far:
        content = await subscriber.next(until=until)
        if content is None:
            return None
        assert content, f"not within {_WAIT_S} s: {text!r}"
        so_far += content
    return so_far


async def follow_both(world: World) -> tuple[bytes | None, bytes | None, bytes | None]:
    follower = Follower()
    try:
        steady = Subscriber(run_id=world.run.id, after=None)
        follower.join(steady)
        opening = await told(steady, b"event: run")
        odd = Subscriber(run_id=world.run.id, after=Position(1, 10**20))
        follower.join(odd)
        end = await told(odd, b"news")
        elsewhere(partial(log_append, run_id=world.run.id, message="news"))
        return opening, end, await told(steady, b"news")
    finally:
        follower.close()
        for thread in threading.enumerate():
            if thread.name == "live-follower":
                await asyncio.to_thread(thread.join, _WAIT_S)


def test_a_client_that_cannot_be_served_ends_alone() -> None:
    """Redis refuses its place, which a view would not have let through."""
    world = World.make(epics=2, lanes=1)
    opening, end, news = asyncio.run(follow_both(world))
    assert opening
    assert end is None
    assert news


async def follow_health(world: World) -> bytes | None:
    follower = Follower()
    try:
        watching = Subscriber(run_id=world.run.id, after=None)
        follower.join(watching)
        await told(watching, b"event: run")
        elsewhere(partial(Worker.objects.update, lease_until=F("started_at")))
        return await told(watching, b"No worker is alive.")
    finally:
        follower.close()
        for thread in threading.enumerate():
            if thread.name == "live-follower":
                await asyncio.to_thread(thread.join, _WAIT_S)


def test_a_run_that_nothing_changes_is_looked_at_for_its_health(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runs.live.follower._HEALTH_S", 0.2)
    assert asyncio.run(follow_health(World.make(epics=2, lanes=1)))
