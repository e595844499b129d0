"""A host whose clock is wrong."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import time_machine


@contextmanager
def host_clock(step_s: float) -> Iterator[None]:
    """This process's wall clock is ahead by so many seconds, or behind; it goes on running."""
    with time_machine.travel(time.time() + step_s, tick=True):
        yield
