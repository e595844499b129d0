"""Celery's own command line, in a process that dies where it is told to.

The product has no hooks for this: the points are wrapped round its functions from outside. A point
is armed by a file `WORKER.POINT` in the directory FAULTS_ARMED; whoever passes first removes it,
and the process is gone.

Workers are forked off a process that has everything imported, which takes seconds; it is told what
to start by lines of JSON, tells of births and deaths in lines of its own, and ends with its input.
FAULTS_POISON names the epic that kills its worker in the middle of its provider call, each time.
FAULTS_CLOCK_STEP_S puts the wall clock of all workers of this process forward, or back.
"""

import ctypes
import json
import os
import random
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import time_machine

#: Long enough for a call that was just started to reach the provider.
_IN_CALL_S = 0.1
_REAP_EVERY_S = 0.02
_PR_SET_PDEATHSIG = 1
#: Imported before the first fork, as a worker would import it anyway.
_NEEDED = (
    "celery.bin.celery",
    "celery.apps.worker",
    "celery.concurrency.thread",
    "kombu.transport.redis",
    "workers.signals",
    "workers.tasks",
)

Function = Callable[..., Any]

#: Crash points before and after a function returns, by what they mean for an epic's way.
BEFORE = {
    "before-claim": "workers.lane_store.LaneStore.claim",
    "before-call": "providers.anthropic.client.ProviderClient.ask",
    "before-next-call": "workers.lane_store.LaneStore.next_call",
    "before-finish": "workers.lane_store.LaneStore.finish",
    "before-going-on": "workers.lane_store.LaneStore.go_on",
    "before-publish": "workers.sender.push_async",
    "before-end": "workers.intake.Intake._end",
}
AFTER = {
    "after-claim": "workers.lane_store.LaneStore.claim",
    "after-response": "providers.anthropic.client.ProviderClient.ask",
    "after-stored-response": "workers.lane_store.LaneStore.next_call",
    "after-finish": "workers.lane_store.LaneStore.finish",
    "after-going-on": "workers.lane_store.LaneStore.go_on",
    "after-publish": "workers.sender.push_async",
}
#: The same on the way of a slice, whose worker has the turn of the provider's batches.
BATCH_BEFORE = {
    "before-create": "providers.anthropic.batches.AnthropicBatches.create",
    "before-collect": "workers.batches.collecting.outcomes_write",
}
BATCH_AFTER = {
    "after-create": "providers.anthropic.batches.AnthropicBatches.create",
    "after-collect": "workers.batches.collecting.outcomes_write",
}
#: A slice's results take several statements, and a turn that nobody keeps is soon another's. A lane
#: goes on by itself though calls take longer than those for which that is made.
_SETTINGS = {
    "workers.celery_face._ALONE_S": 1.5,
    "workers.links._QUICK_S": 1.5,
    "workers.batches.collecting._CHUNK": 5,
    "workers.batches.driver._VANISHED_S": 2.0,
    "workers.batches.driver._KEEP_S": 0.4,
}
#: The message is out of the queue and on nobody's observed.
AFTER_BRPOP = "after-brpop"
IN_CALL = "in-call"
#: Files that change what is sent while they exist.
COPIED, LATE, DROPPED = "messages.copied", "messages.late", "messages.dropped"
_COPIES = 3
_LATE_S = (0.05, 0.8)
POINTS = (AFTER_BRPOP, IN_CALL, *BEFORE, *AFTER)
BATCH_POINTS = (*BATCH_BEFORE, *BATCH_AFTER)


def die() -> None:
    """As an out-of-memory killer would: nothing is closed, nothing is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)


def _soon(action: Callable[[], None]) -> None:
    timer = threading.Timer(_IN_CALL_S, action)
    timer.daemon = True
    timer.start()


def _path(point: str) -> Path:
    return Path(os.environ["FAULTS_ARMED"], f"{os.environ['FAULTS_NAME']}.{point}")


def _die_if_armed(point: str) -> None:
    try:
        _path(point).unlink()
    except FileNotFoundError:
        return
    die()


def _before(point: str, function: Function) -> Function:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        _die_if_armed(point)
        return function(*args, **kwargs)

    async def awaited(*args: Any, **kwargs: Any) -> Any:
        _die_if_armed(point)
        return await function(*args, **kwargs)

    return awaited if iscoroutinefunction(function) else wrapped


def _after(point: str, function: Function) -> Function:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        _die_if_armed(point)
        return result

    async def awaited(*args: Any, **kwargs: Any) -> Any:
        result = await function(*args, **kwargs)
        _die_if_armed(point)
        return result

    return awaited if iscoroutinefunction(function) else wrapped


def _on_delivery(take: Function) -> Function:
    def wrapped(intake: Any, key: bytes, raw: bytes) -> None:
        _die_if_armed(AFTER_BRPOP)
        take(intake, key, raw)

    return wrapped


def _on_sending(pushes: Function) -> Function:
    def wrapped(client: Any, lists: Mapping[str, Sequence[str]]) -> Any:
        orders = {name for name in (COPIED, LATE, DROPPED) if _order(name).exists()}
        if orders:
            lists = {key: list(_altered(key, messages, orders)) for key, messages in lists.items()}
        return pushes(client, {key: messages for key, messages in lists.items() if messages})

    return wrapped


def _altered(key: str, messages: Sequence[str], orders: set[str]) -> Iterator[str]:
    for message in messages:
        if DROPPED in orders and random.random() < 0.5:
            continue
        if orders & {COPIED, LATE}:
            _push_late(key, message)
        if LATE not in orders:
            yield from [message] * (_COPIES if COPIED in orders else 1)


def _push_late(key: str, message: str) -> None:
    redis = import_module("batchgen.redis.client")
    timer = threading.Timer(random.uniform(*_LATE_S), lambda: redis.client().lpush(key, message))
    timer.daemon = True
    timer.start()


def _order(name: str) -> Path:
    return Path(os.environ["FAULTS_ARMED"], name)


def _in_call(ask: Function) -> Function:
    async def wrapped(client: Any, request: Any) -> Any:
        poison = os.environ["FAULTS_POISON"]
        if poison and f'<epic>{{"code":"{poison}"' in request.user:
            _soon(die)
        if _path(IN_CALL).exists():
            _soon(lambda: _die_if_armed(IN_CALL))
        return await ask(client, request)

    return wrapped


def _wrap(target: str, make: Callable[[Function], Function]) -> None:
    owner_name, _, name = target.rpartition(".")
    try:
        owner: Any = import_module(owner_name)
    except ModuleNotFoundError:
        module_name, _, class_name = owner_name.rpartition(".")
        owner = getattr(import_module(module_name), class_name)
    patch.object(owner, name, make(getattr(owner, name))).start()


def _prepare() -> None:
    """Import what a worker needs and wrap what is to be wrapped."""
    if step_s := float(os.environ.get("FAULTS_CLOCK_STEP_S", "0")):
        time_machine.travel(time.time() + step_s, tick=True).start()
    import_module("django").setup()
    for name in _NEEDED:
        import_module(name)
    for name, value in _SETTINGS.items():
        patch(name, value).start()
    for point, target in (BEFORE | BATCH_BEFORE).items():
        _wrap(target, lambda function, point=point: _before(point, function))  # type: ignore[misc]
    for point, target in (AFTER | BATCH_AFTER).items():
        _wrap(target, lambda function, point=point: _after(point, function))  # type: ignore[misc]
    _wrap("providers.anthropic.client.ProviderClient.ask", _in_call)
    _wrap("workers.intake.Intake._take", _on_delivery)
    _wrap("runs.engine.dispatch._pushes", _on_sending)


def _become(order: dict[str, Any]) -> None:
    """In the forked child: be the worker that was ordered, to its end."""
    os.setsid()
    if sys.platform == "linux":
        # Killed with its parent, should that be killed itself.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(order["env"])
    sys.argv = ["celery", *order["argv"]]
    import_module("celery.__main__").main()


def _reap(living: set[int]) -> None:
    for pid in tuple(living):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            living.remove(pid)
            _tell(died=pid, code=os.waitstatus_to_exitcode(status))


def _tell(**words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Fork workers as ordered until the input ends, then kill those that are left."""
    _prepare()
    living: set[int] = set()
    _tell(ready=True)
    while True:
        readable, _, _ = select.select([sys.stdin], [], [], _REAP_EVERY_S)
        _reap(living)
        if not readable:
            continue
        line = sys.stdin.readline()
        if not line:
            break
        if (pid := os.fork()) == 0:
            _become(json.loads(line))
            return
        living.add(pid)
        _tell(born=pid)
    for pid in living:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
