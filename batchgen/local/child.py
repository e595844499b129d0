"""A child process: what to start, how to see that it is ready, and how to stop it.

Each child leads its own session, so that its own children go with it and a Ctrl-C in the terminal
reaches the supervisor alone.
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
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from batchgen.local.terminal import Sink

_LAUNCH = Path(__file__).with_name("launch.py")
POLL_S = 0.05
_KEPT_LINES = 200
_REPORTED_LINES = 20
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
                if hurry.wait(POLL_S):
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
