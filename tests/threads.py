"""Threads of tests, each with a database connection of its own, and what holds them up."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connection


def elsewhere(action: Callable[[], object]) -> threading.Thread:
    """The action, begun in a thread."""

    def runner() -> None:
        try:
            action()
        finally:
            connection.close()

    thread = threading.Thread(target=runner)
    thread.start()
    return thread


def race(*actions: Callable[[], object]) -> list[Any]:
    """Do all at the same moment, each in its own thread; their results, or errors, in order."""
    barrier = threading.Barrier(len(actions))
    results: list[Any] = [None] * len(actions)

    def runner(place: int, action: Callable[[], object]) -> None:
        try:
            barrier.wait(10)
            results[place] = action()
        except Exception as error:  # handed to the test, which knows which are right
            results[place] = error

    threads = [elsewhere(partial(runner, place, action)) for place, action in enumerate(actions)]
    for thread in threads:
        thread.join(30)
    return results


def somebody_waits() -> bool:
    """Whether a statement waits for a lock that another holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


def until_somebody_waits(at_most_s: float) -> None:
    """Back as soon as a statement waits for a lock, or after so long."""
    until = time.monotonic() + at_most_s
    while not somebody_waits() and time.monotonic() < until:
        time.sleep(0.002)
