"""What Celery's own tools see of items: `inspect`, `revoke`, Flower and `celery events`.

Items are worked on in a worker's loop; here they are tasks to the consumer of Celery beside it.
"""

import logging
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from celery.worker import state

from batchgen.redis.broker_messages import TaskMessage

log = logging.getLogger(__name__)

#: Events that nobody could send yet; more are dropped, as Celery's are where Redis is away.
_EVENTS_MOST = 10_000
#: So long after its last message a lane goes on by itself; those that wait then get their turn.
_ALONE_S = 1.0


class ItemRequest:
    """A message that is worked on, as Celery's requests are to its control commands."""

    __slots__ = (
        *("id", "args", "kwargs", "message", "task", "hostname", "time_start", "acknowledged"),
        "alone_until",
        *("eventer", "_abort", "__weakref__"),
    )
    worker_pid = os.getpid()

    def __init__(self, message: TaskMessage, *, task: Any, hostname: str) -> None:
        self.id: str = message.headers["id"]
        self.args, self.kwargs = message.args, message.kwargs
        self.message, self.task, self.hostname = message, task, hostname
        self.time_start: float | None = None
        self.acknowledged = True
        #: Celery sets it; our events have a sender of their own.
        self.eventer: Any = None
        self._abort: Callable[[], None] = _nothing
        #: Until then its lane may go on by itself, without a message; monotonic seconds.
        self.alone_until = time.monotonic() + _ALONE_S

    def followed_by(self, message: TaskMessage) -> "ItemRequest":
        """That of the item which its lane goes on with by itself."""
        request = ItemRequest(message, task=self.task, hostname=self.hostname)
        request.alone_until = self.alone_until
        return request

    @property
    def name(self) -> str:
        """The task's."""
        return str(self.task.name)

    @property
    def argsrepr(self) -> str:
        """What operators see in the place of the arguments."""
        return str(self.message.headers.get("argsrepr") or "")

    @property
    def kwargsrepr(self) -> str:
        """As `argsrepr`."""
        return str(self.message.headers.get("kwargsrepr") or "")

    def begins(self, abort: Callable[[], None]) -> None:
        """Its item was claimed; `abort`, from any thread, gives it up."""
        self.time_start, self._abort = time.time(), abort

    def info(self, safe: bool = False) -> dict[str, Any]:  # Celery's
        """As Celery's own requests say it."""
        return {
            "id": self.id,
            "name": self.name,
            "args": self.argsrepr if safe else self.args,
            "kwargs": self.kwargsrepr if safe else self.kwargs,
            "type": self.name,
            "hostname": self.hostname,
            "time_start": self.time_start,
            "acknowledged": self.acknowledged,
            "delivery_info": {"priority": self.message.priority, "redelivered": False},
            "worker_pid": self.worker_pid,
        }

    def terminate(self, _pool: object, signal: object = None) -> None:
        """`revoke(terminate=True)`: the provider call is given up, and the item goes back."""
        self._abort()


def _nothing() -> None:
    """There is no call to give up."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """What the intake needs of Celery's consumer."""

    task: Any
    hostname: str
    #: Its event dispatcher.
    events: Any

    @classmethod
    def of(cls, task: object, consumer: Any) -> "Consumer":
        """From Celery's own, for a task."""
        return cls(task=task, hostname=consumer.hostname, events=consumer.event_dispatcher)


class CeleryState:
    """Celery's books of what is worked on, kept by Celery's own thread.

    It goes through them at commands and when it connects anew, and ends the worker where another
    thread changes them meanwhile. Most items come and go between two looks: those are counted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Requests that Celery does not know yet, and whether their items were begun.
        self._new: dict[ItemRequest, bool] = {}
        self._begun: list[ItemRequest] = []
        self._ended: list[ItemRequest] = []
        self._come_and_gone: Counter[str] = Counter()

    def reserve(self, request: ItemRequest) -> None:
        """A message has come."""
        with self._lock:
            self._new[request] = False

    def begin(self, request: ItemRequest) -> None:
        """Its item was claimed."""
        with self._lock:
            if request in self._new:
                self._new[request] = True
            else:
                self._begun.append(request)

    def end(self, request: ItemRequest) -> None:
        """It is done with."""
        with self._lock:
            begun = self._new.pop(request, None)
            if begun is None:
                self._ended.append(request)
            else:
                self._come_and_gone[request.name] += begun

    def catch_up(self) -> None:
        """Tell Celery; in its thread."""
        with self._lock:
            new, self._new = self._new, {}
            begun, self._begun = self._begun, []
            ended, self._ended = self._ended, []
            gone, self._come_and_gone = self._come_and_gone, Counter()
        for request in new:
            state.task_reserved(request)
        for request in (*(each for each, is_begun in new.items() if is_begun), *begun):
            state.task_accepted(request)
        for request in ended:
            state.task_ready(request)
        state.total_count.update(gone)
        state.all_total_count[0] += gone.total()


class EventSender:
    """Task events for Flower and `celery events`, sent by a thread: kombu's way blocks."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[Any, str, dict[str, Any]]] = queue.Queue(_EVENTS_MOST)
        self._thread: threading.Thread | None = None

    def send(self, events: Any, kind: str, **fields: Any) -> None:
        """Send one where somebody listens; `events` is the consumer's dispatcher."""
        if events is None or not events.enabled or (events.groups and "task" not in events.groups):
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="events", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait((events, kind, fields))
        except queue.Full:
            return

    def _run(self) -> None:
        while True:
            events, kind, fields = self._waiting.get()
            try:
                events.send(kind, **fields)
            except Exception as error:  # whatever kombu raises while Redis is away
                log.info("an event was not sent: %s", error)
