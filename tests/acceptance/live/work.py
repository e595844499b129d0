"""What a worker would do, and what clients should make of it."""

import time

from runs.engine.transitions import run_finalize
from runs.models import RunItem
from tests.acceptance.live.watcher import Message, Watcher
from tests.integration.engine.world import World


def work(world: World, epics: int, *, pause_s: float = 0) -> None:
    """Generate so many epics, one after the other."""
    for _ in range(epics):
        step = world.claim()
        assert step is not None
        time.sleep(pause_s)
        assert world.finish(step) is not None
        time.sleep(pause_s)


def work_to_end(world: World, *, pause_s: float = 0) -> None:
    """Generate all that are left, and end the run."""
    left = RunItem.objects.filter(run=world.run, status="PENDING").count()
    work(world, left, pause_s=pause_s)
    assert run_finalize(run_id=world.run.id) == "SUCCEEDED"


def merged(watcher: Watcher) -> dict[str, str]:
    """The latest status of each epic that the client was told of."""
    return {epic["epicCode"]: epic["status"] for epic in watcher.of("epic")}


def with_ids(watcher: Watcher) -> list[Message]:
    """What a client can come back to."""
    return [message for message in watcher.messages if message.id]


def assert_in_order(watcher: Watcher) -> None:
    """Nothing came twice, or out of turn."""
    places = [message.place for message in with_ids(watcher)]
    assert places == sorted(set(places))
