"""Where workers are born: processes that have everything imported and fork them off on demand."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from batchgen.local.child import Running
from batchgen.local.local_dir import ROOT

_ANSWER_S = 60.0


class Process:
    """A forked worker."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None
        self._dead = threading.Event()

    def code(self) -> int | None:
        """The exit code, minus the signal's number where one ended it; None while it runs."""
        return self._code

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; one that is gone does not mind."""
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def end(self, number: signal.Signals, *, timeout_s: float = 60) -> None:
        """End it by a signal and wait until it is gone.

        Raises:
            TimeoutError: it does not mind the signal.
        """
        self.send(signal.SIGCONT)
        self.send(number)
        if not self._dead.wait(timeout_s):
            raise TimeoutError(f"process {self.pid} did not end within {timeout_s:g} s")

    def died(self, code: int) -> None:
        """Its parent has seen its end."""
        self._code = code
        self._dead.set()


def watched(running: Running) -> Process:
    """A worker that runs by itself: whoever asks hears of its end."""
    process = Process(running.process.pid)
    threading.Thread(target=_await_end, args=(running, process), daemon=True).start()
    return process


def _await_end(running: Running, process: Process) -> None:
    code = running.process.wait()
    running.stop(hurry=threading.Event())
    process.died(code)


class Nursery:
    """One process that forks workers of one environment; it takes them with it when it goes."""

    def __init__(self, environment: Mapping[str, str], *, log: Path) -> None:
        """Start it; the first birth waits until it is ready."""
        self._log = log.open("a")
        self._parent = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=ROOT,
            env=dict(environment),
        )
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._children: dict[int, Process] = {}
        self._is_ready = False
        threading.Thread(target=self._read, daemon=True).start()

    def birth(self, argv: Sequence[str], *, environment: Mapping[str, str], log: Path) -> Process:
        """Fork a worker; it is on its way when this returns.

        Args:
            environment: what is special about it; Django's settings are read by now.
        """
        if not self._is_ready:
            self._is_ready = self._answers.get(timeout=_ANSWER_S)["ready"]
        order = json.dumps({"argv": list(argv), "env": dict(environment), "log": str(log)})
        assert self._parent.stdin is not None
        self._parent.stdin.write(order + "\n")
        self._parent.stdin.flush()
        pid = self._answers.get(timeout=_ANSWER_S)["born"]
        return self._children[pid]

    def close(self) -> None:
        """End it, and all workers with it."""
        for child in self._children.values():
            child.send(signal.SIGKILL)
        assert self._parent.stdin is not None
        self._parent.stdin.close()
        # A crowded machine takes its time over the dead.
        self._parent.wait(60)
        self._log.close()

    def _read(self) -> None:
        assert self._parent.stdout is not None
        for line in self._parent.stdout:
            words = json.loads(line)
            if "died" in words:
                self._children[words["died"]].died(words["code"])
                continue
            if "born" in words:
                self._children[words["born"]] = Process(words["born"])
            self._answers.put(words)
        self._parent.stdout.close()
