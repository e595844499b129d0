"""Processes of the program, forked off one that has the libraries imported.

A start costs more than two seconds of CPU, most of them for libraries, and the suite starts
hundreds. What is ours, the settings among it, each process imports by itself, as always; so it has
any environment and any directory.
"""

import ctypes
import inspect
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from batchgen.local import launch
from batchgen.local.local_dir import ROOT

#: What stands behind `python`.
_PROGRAMS = (
    ("-m", "celery"),
    ("-m", "tests.second_provider.worker"),
    ("-m", "tests.toykind.worker"),
    ("-m", "batchgen.web"),
    ("manage.py",),
)
_LAUNCH = ("-I", "-S", launch.__file__)
_PR_SET_CHILD_SUBREAPER = 36


class _Server:
    """The process that forks, from the first order on."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._orders, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._one = threading.Lock()

    def fork(self, order: Mapping[str, Any], streams: Sequence[int]) -> int:
        """The number of the new process, which is a child of this one's."""
        with self._one:
            self._process = self._process or self._started()
            # Its parent ends at once, and then it is ours.
            _adopt(True)
            try:
                socket.send_fds(self._orders, [json.dumps(order).encode()], streams)
                return int(self._orders.recv(100))
            finally:
                _adopt(False)

    def close(self) -> None:
        self._orders.close()
        self._theirs.close()
        if self._process is not None:
            self._process.wait(10)

    def _started(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server", str(self._theirs.fileno())],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            pass_fds=[self._theirs.fileno()],
            start_new_session=True,
        )


@contextmanager
def forked_programs() -> Iterator[None]:
    """Until the context ends this process starts them so (Linux; elsewhere nothing changes)."""
    if sys.platform != "linux":
        yield
        return
    before, server = subprocess.Popen, _Server()
    subprocess.Popen = _popen(server)  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        subprocess.Popen = before  # type: ignore[misc]
        server.close()


def _popen(server: _Server) -> type["subprocess.Popen[Any]"]:
    """A Popen that has programs forked off; what they are told and how they end is all its own."""
    names = list(inspect.signature(subprocess.Popen._execute_child).parameters)[1:]  # type: ignore[attr-defined]

    class Popen(subprocess.Popen):  # type: ignore[type-arg]
        def _execute_child(self, *values: Any) -> None:
            given = dict(zip(names, values, strict=True))
            if (order := _order(given)) is None:
                super()._execute_child(*values)  # type: ignore[misc]
                return
            pipes = [given[name] for name in ("p2cread", "c2pwrite", "errwrite")]
            streams = [own if pipe == -1 else pipe for own, pipe in enumerate(pipes)]
            self.pid = server.fork(order, streams)
            self._child_created = True
            self._close_pipe_fds(*(given[name] for name in _PIPES))  # type: ignore[attr-defined]

    return Popen


_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")


def _order(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is to be started, where that is one of the programs."""
    argv = given["args"]
    argv = [argv] if isinstance(argv, str | bytes | os.PathLike) else [*map(os.fspath, argv)]
    argv, parent, at_its_end = _launched(argv)
    if argv[:1] != [sys.executable] or not _is_program(argv[1:]):
        return None
    return {
        "argv": argv[1:],
        "env": dict(os.environ if given["env"] is None else given["env"]),
        "cwd": os.fspath(given["cwd"] or Path.cwd()),
        "session": given["start_new_session"],
        "parent": parent,
        "signal": at_its_end,
    }


def _launched(argv: list[Any]) -> tuple[list[Any], int, int]:
    """What batchgen/local/launch.py executes, for whom, and the signal when that one is gone."""
    if tuple(argv[1:4]) != _LAUNCH or argv[6] != "0":
        return argv, os.getpid(), 0
    return argv[8:], int(argv[4]), int(argv[5])


def _is_program(words: Sequence[str]) -> bool:
    return any(tuple(words[: len(each)]) == each for each in _PROGRAMS)


def _adopt(orphans: bool) -> None:
    """Whether a process below this one whose parent ends gets this one as its parent."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(orphans), 0, 0, 0)
