"""Start child processes in order, watch them, and stop them in the reverse order.

Each child leads its own session, so that its own children go with it and a Ctrl-C in the terminal
reaches the supervisor alone. A child's end is noticed within a twentieth of a second.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from batchgen.local.terminal import Sink

_LAUNCH = Path(__file__).with_name("launch.py")
_POLL_S = 0.05
#: A child that takes long to get ready is asked less and less often, up to this.
_LONGEST_POLL_S = 0.5
_KEPT_LINES = 200
_REPORTED_LINES = 20
#: A child that is started again is given up when it ends more often than this in so long. One
#: epic that kills its worker does so three times before it is given up itself.
_MOST_DEATHS = 10
_DEATHS_WITHIN_S = 300
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Asks whether the child is ready. False means "not yet"; it is asked again until the timeout.
Readiness = Callable[["Running"], bool]


@dataclass(frozen=True, kw_only=True)
class Account:
    """The system user a child runs as, for a supervisor that is root."""

    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class Child:
    """What to start, how to see that it is ready, and how to stop it."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    account: Account | None = None
    ready: Readiness | None = None
    ready_timeout_s: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    #: Seconds from the stop signal to SIGKILL.
    grace_s: float = 10
    #: What the kernel sends when the supervisor itself is killed (Linux).
    orphan_signal: signal.Signals = signal.SIGKILL
    #: Uses the supervisor's own terminal instead of a log.
    attached: bool = False
    #: Is started again when it ends by itself after it was ready.
    restarts: bool = False


class StopRequestedError(Exception):
    """Ctrl-C or SIGTERM arrived."""


class ChildFailedError(Exception):
    """A child ended by itself or was not ready in time; the message has its name and last lines."""

    def __init__(self, running: "Running", what: str) -> None:
        last = list(running.lines)[-_REPORTED_LINES:]
        shown = "".join(f"\n    {line}" for line in last)
        lines = f"; its last lines:{shown}" if last else "."
        super().__init__(f"{running.child.name} {what}{lines}")
        self.name = running.child.name


class Running:
    """A started child: its process and its latest lines."""

    def __init__(self, child: Child, sink: Sink, deaths: Sequence[float] = ()) -> None:
        self.child = child
        #: Whether it was ready once, in this start or, as it is started again, in one before.
        self.was_ready = bool(deaths)
        #: When starts before this one ended lately.
        self.deaths = deaths
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.process = subprocess.Popen(
            _launch_argv(child),
            env=dict(child.env) if child.env is not None else None,
            cwd=child.cwd,
            stdin=None if child.attached else subprocess.DEVNULL,
            stdout=None if child.attached else subprocess.PIPE,
            stderr=None if child.attached else subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(sink,), daemon=True)
        self._reader.start()

    def code(self) -> int | None:
        """The exit code (minus the signal's number when a signal ended it), None while it runs."""
        code = self.process.poll()
        if code is not None:
            self._reader.join(timeout=1)
        return code

    def find(self, pattern: str) -> str | None:
        """The first match of the regular expression in the latest lines."""
        matches = (re.search(pattern, line) for line in list(self.lines))
        return next((match.group() for match in matches if match), None)

    def stop(self, *, hurry: threading.Event) -> None:
        """Stop it and everything it started; returns when all are gone."""
        if self.process.poll() is None:
            self.process.send_signal(self.child.stop_signal)
            deadline = time.monotonic() + self.child.grace_s
            while self.process.poll() is None and time.monotonic() < deadline:
                if hurry.wait(_POLL_S):
                    break
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(timeout=1)
        if self.process.stdout is not None and not self._reader.is_alive():
            self.process.stdout.close()

    def _read(self, sink: Sink) -> None:
        if self.process.stdout is None:
            return
        for raw in self.process.stdout:
            line = raw.decode(errors="replace").rstrip("\r\n")
            self.lines.append(line)
            sink(self.child.name, line)


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
                time.sleep(_POLL_S)
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
                time.sleep(_POLL_S)

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
        deadline, pause_s = time.monotonic() + running.child.ready_timeout_s, _POLL_S
        while running.child.ready is not None and not running.child.ready(running):
            self._check()
            if time.monotonic() > deadline:
                limit_s = running.child.ready_timeout_s
                raise ChildFailedError(running, f"was not ready within {limit_s:g} s")
            time.sleep(pause_s)
            pause_s = min(1.5 * pause_s, _LONGEST_POLL_S)
        running.was_ready = True
        self._check()


def answers(url: str) -> Readiness:
    """Ready when the URL answers with a status below 400. Proxies are not asked."""
    opener = build_opener(ProxyHandler({}))

    def ready(running: Running) -> bool:
        try:
            with opener.open(url, timeout=2):
                return True
        except (URLError, OSError):
            return False

    return ready


def logged(pattern: str) -> Readiness:
    """Ready when a line of the child's output matches the regular expression."""
    return lambda running: running.find(pattern) is not None


def _launch_argv(child: Child) -> list[str]:
    uid, gid = (child.account.uid, child.account.gid) if child.account else (0, 0)
    numbers = (os.getpid(), int(child.orphan_signal), uid, gid)
    return [sys.executable, "-I", "-S", str(_LAUNCH), *map(str, numbers), *child.argv]


def _ended(code: int) -> str:
    if code < 0:
        return f"was ended by signal {-code} ({signal.strsignal(-code)})"
    return f"ended with exit code {code}"
