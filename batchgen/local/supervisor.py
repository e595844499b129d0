"""A supervisor: starts child processes in order, watches them, stops them in reverse order.

A child's end is noticed within a twentieth of a second.
"""

import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

from batchgen.local.child import POLL_S, Child, ChildFailedError, Running
from batchgen.local.terminal import Sink

#: A child that takes long to get ready is asked less and less often, up to this.
_LONGEST_POLL_S = 0.5
#: A child that is started again is given up when it ends more often than this in so long. One
#: epic that kills its worker does so three times before it is given up itself.
_MOST_DEATHS = 10
_DEATHS_WITHIN_S = 300
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequestedError(Exception):
    """Ctrl-C or SIGTERM arrived."""


class Supervisor:
    """Owns the children; as a context manager it stops them all, whatever happened.

    With `signals` (main thread only) it turns Ctrl-C, SIGTERM and SIGHUP into StopRequestedError in
    whatever method waits; a further one while stopping kills what still runs.
    """

    def __init__(self, sink: Sink, *, signals: bool = True) -> None:
        self._sink = sink
        self._children: list[Running] = []
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._signals = _STOP_SIGNALS if signals else ()
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in self._signals:
            self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def start(self, child: Child) -> Running:
        """Start one child and return when it is ready.

        Raises:
            ChildFailedError: this or another child ended, or it was not ready in time.
            StopRequestedError: a stop was asked for meanwhile.
        """
        return self.start_all([child])[0]

    def start_all(self, children: Sequence[Child]) -> list[Running]:
        """Start the children in order without waiting in between; return when all are ready.

        Raises as `start` does.
        """
        started = []
        for child in children:
            self._check()
            started.append(Running(child, self._sink))
            self._children.append(started[-1])
        for running in started:
            self._await_ready(running)
        return started

    def run(self, child: Child, *, checked: bool = True) -> Running:
        """Run a child to its end, while the others are watched; the result has its lines and code.

        Raises:
            ChildFailedError: it ended with another code than 0 (unless not `checked`), or another
                child ended.
            StopRequestedError: a stop was asked for meanwhile.
        """
        self._check()
        running = Running(child, self._sink)
        try:
            while running.code() is None:
                self._check()
                time.sleep(POLL_S)
        finally:
            running.stop(hurry=self._hurry)
        if checked and (code := running.code()):
            raise ChildFailedError(running, _ended(code))
        return running

    def watch(self) -> None:
        """Wait until a stop is asked for.

        Raises:
            ChildFailedError: a child ended by itself, and is not or no longer started again.
        """
        with suppress(StopRequestedError):
            while True:
                self._check()
                time.sleep(POLL_S)

    def stop(self) -> None:
        """Stop all children, the last started first. Does nothing the second time."""
        self._stop.set()  # a signal from now on means: at once
        while self._children:
            self._children[-1].stop(hurry=self._hurry)
            self._children.pop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        (self._hurry if self._stop.is_set() else self._stop).set()

    def _check(self) -> None:
        if self._stop.is_set():
            raise StopRequestedError
        for place, running in enumerate(self._children):
            if (code := running.code()) is not None:
                self._children[place] = self._again(running, _ended(code))

    def _again(self, running: Running, what: str) -> Running:
        """A new start of the child that ended.

        Raises:
            ChildFailedError: it is none to start again, or ends again and again.
        """
        child, at = running.child, time.monotonic()
        if not (child.restarts and running.was_ready):
            raise ChildFailedError(running, what)
        deaths = [*(each for each in running.deaths if each > at - _DEATHS_WITHIN_S), at]
        if len(deaths) > _MOST_DEATHS:
            raise ChildFailedError(running, f"{what}, again and again")
        running.stop(hurry=self._hurry)  # what it left of its own children
        self._sink(child.name, f"{child.name} {what}; it is started again.")
        return Running(child, self._sink, deaths)

    def _await_ready(self, running: Running) -> None:
        deadline, pause_s = time.monotonic() + running.child.ready_timeout_s, POLL_S
        while running.child.ready is not None and not running.child.ready(running):
            self._check()
            if time.monotonic() > deadline:
                limit_s = running.child.ready_timeout_s
                raise ChildFailedError(running, f"was not ready within {limit_s:g} s")
            time.sleep(pause_s)
            pause_s = min(1.5 * pause_s, _LONGEST_POLL_S)
        running.was_ready = True
        self._check()


def _ended(code: int) -> str:
    if code < 0:
        return f"was ended by signal {-code} ({signal.strsignal(-code)})"
    return f"ended with exit code {code}"
