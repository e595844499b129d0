"""The process that forks programs off for tests/forks.py; of ours it imports nothing."""

import ctypes
import gc
import json
import os
import runpy
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

#: What the programs import in any case, and what asks for no settings.
_LIBRARIES = (
    "anthropic",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "django.contrib.admin",
    "django.core.handlers.asgi",
    "django.core.management",
    "django.db.backends.postgresql.base",
    "django.test",
    "jwt",
    "kombu.transport.redis",
    "prometheus_client",
    "psycopg_pool",
    "pydantic",
    "redis.asyncio",
    "uvicorn.main",
    "uvloop",
)
_PR_SET_PDEATHSIG = 1
_LONGEST_ORDER = 200_000


def main() -> None:
    """Fork as ordered, to the end of who orders; in what is forked, be what was ordered."""
    for name in _LIBRARIES:
        import_module(name)
    gc.collect()
    gc.freeze()
    if (ordered := _serve(int(sys.argv[1]))) is not None:
        _become(*ordered)


def _serve(number: int) -> tuple[dict[str, Any], list[int]] | None:
    """In each fork, what to be; None at the end."""
    with socket.socket(fileno=number) as orders:
        while True:
            text, streams, _, _ = socket.recv_fds(orders, _LONGEST_ORDER, 3)
            if not text:
                return None
            if (pid := _orphan()) == 0:
                return json.loads(text), streams
            for each in streams:
                os.close(each)
            orders.send(str(pid).encode())


def _orphan() -> int:
    """Fork a process whose parent ends; its number, and in itself 0."""
    told, tell = os.pipe()
    if (middle := os.fork()) == 0:
        middle = os.getpid()
        if (pid := os.fork()) == 0:
            os.close(told)
            os.close(tell)
            while os.getppid() == middle:
                time.sleep(0.0005)
            return 0
        os.write(tell, str(pid).encode())
        os._exit(0)
    os.close(tell)
    with os.fdopen(told) as pipe:
        pid = int(pipe.read())
    os.waitpid(middle, 0)
    return pid


def _become(order: Mapping[str, Any], streams: Sequence[int]) -> None:
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    if order["session"]:
        os.setsid()
    if order["signal"]:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, order["signal"], 0, 0, 0)
    if os.getppid() != order["parent"]:
        os.kill(os.getpid(), signal.SIGKILL)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.path[0] = order["cwd"]
    word, *words = order["argv"]
    if word == "-m":
        sys.argv = words
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [word, *words]
        runpy.run_path(word, run_name="__main__")


if __name__ == "__main__":
    main()
