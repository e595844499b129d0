"""A worker's event loop, in a thread of its own: all lanes of the process are coroutines in it."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from workers.worker_metrics import LOOP_LAG_S

log = logging.getLogger(__name__)

T = TypeVar("T")

#: How often the loop notes that it comes round.
_TICK_S = 0.1
#: A loop that has not come round for so long is told of in the log.
_STANDS_STILL_S = 1.0


class LoopThread:
    """A thread that runs a loop. Its methods are for all other threads."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="loop", daemon=True)
        self._ticked_at = time.monotonic()
        self._told = False

    def start(self) -> None:
        """Begin to run."""
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Have the loop do it, and wait for what it returns or raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        """Have the loop do it, whatever becomes of it."""
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Have the loop call a function soon; nothing once the loop is closed."""
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def behind_s(self) -> float:
        """For how long the loop has been busy with one thing; 0 while it comes round."""
        return max(0.0, time.monotonic() - self._ticked_at - _TICK_S)

    def watch(self) -> None:
        """Tell of a loop that stands still: nothing of this worker goes on until it comes round."""
        behind_s = self.behind_s()
        stands_still = behind_s > _STANDS_STILL_S
        if stands_still and not self._told:
            log.warning("the event loop has not come round for %.1f s", behind_s)
        self._told = stands_still

    def close(self) -> None:
        """End what is still under way, and the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._tick(time.monotonic())
        try:
            self._loop.run_forever()
            self._end_all()
        finally:
            self._loop.close()

    def _tick(self, due_at: float) -> None:
        self._ticked_at = time.monotonic()
        LOOP_LAG_S.observe(max(0.0, self._ticked_at - due_at))
        self._loop.call_later(_TICK_S, self._tick, self._ticked_at + _TICK_S)

    def _end_all(self) -> None:
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
