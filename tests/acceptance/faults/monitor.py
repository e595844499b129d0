"""Watches, beside the schedule, what must hold at every moment."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, close_old_connections, connection
from redis import RedisError

from runs.engine.dispatch import messages_waiting
from runs.models import Lane
from tests.acceptance.faults.scene import Scene

_EVERY_S = 0.1
#: Copies and left-overs are gone, or seen for what they are, so long after a fault.
_SETTLED_S = 3.0


@contextmanager
def watched(scene: Scene) -> Iterator[None]:
    """Look into the broker all the time (I10) until the end of the block."""
    stop = threading.Event()
    thread = threading.Thread(target=_watch, args=(scene, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def _watch(scene: Scene, stop: threading.Event) -> None:
    runs: dict[int, object] = {}
    told = False
    while not told and not stop.wait(_EVERY_S):
        try:
            waiting = messages_waiting()
            at = time.monotonic()
            for name in _unknown(waiting, runs):
                lane = Lane.objects.filter(id=name).values_list("run_id", flat=True).first()
                runs[name] = lane
        except (RedisError, DatabaseError):
            close_old_connections()
            continue
        journal = scene.journal
        if journal.steps and at < journal.steps[-1].ended + _SETTLED_S:
            continue
        if any(begin <= at <= end + _SETTLED_S for begin, end in journal.copied):
            continue
        for run, number in _per_run(waiting, runs).items():
            if number > 2 * scene.lanes:
                journal.violate("I10", f"{number} messages wait for run {run}")
                told = True
    connection.close()


def _unknown(names: frozenset[str], runs: dict[int, object]) -> set[int]:
    return {_lane(name) for name in names} - runs.keys()


def _per_run(names: frozenset[str], runs: dict[int, object]) -> Counter[object]:
    return Counter(runs[_lane(name)] for name in names if _lane(name) in runs)


def _lane(name: str) -> int:
    return int(name.split(".", maxsplit=1)[0])
