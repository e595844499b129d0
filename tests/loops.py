"""Event loops of tests, each in a thread of its own as a worker's."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import cached_property, wraps
from typing import Any, ParamSpec, TypeVar

import uvloop
from redis.asyncio import Redis

from batchgen.redis.loop_client import loop_client

Params = ParamSpec("Params")
T = TypeVar("T")


class Loop:
    """A running loop, for code that is in no loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def run(self, work: Coroutine[Any, Any, T], *, timeout_s: float = 60) -> T:
        """What the coroutine returns, or raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    @cached_property
    def redis(self) -> Redis:
        """The loop's client, open until the loop ends."""
        return loop_client()

    def close(self) -> None:
        """Close what it has opened."""
        if "redis" in vars(self):
            self.run(self.redis.aclose())


@contextmanager
def running_loop() -> Iterator[Loop]:
    """A loop as workers have it, until the context ends."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = Loop(loop)
    try:
        yield running
    finally:
        running.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def in_loop(test: Callable[Params, Coroutine[Any, Any, None]]) -> Callable[Params, None]:
    """A test that is a coroutine, as pytest wants it."""

    @wraps(test)
    def run(*args: Params.args, **kwargs: Params.kwargs) -> None:
        uvloop.run(test(*args, **kwargs))

    return run


async def until(condition: Callable[[], bool], *, within_s: float = 30) -> None:
    """Wait in a loop until the condition holds."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)
