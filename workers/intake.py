"""Messages of items: how they come from Redis into the loop, and what Celery's tools see of them.

The loop pulls them itself, as many at a time as it has lanes free: through kombu's hub each would
take a turn of its own, a handover between threads, and groups of items would come apart. Format and
queue are Celery's, and so is the way in (`strategy`): a message that Celery's consumer was given,
by `-Q` for example, is worked on alike. `inspect`, `revoke` and Flower see each item as a task.

A message is a hint: nobody acknowledges it. Where one is lost with its worker, the reconciler sees
that its lane was sent and has no message, and sends it again.
"""

import asyncio
import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis.asyncio
from celery.worker import state
from django.conf import settings
from redis import RedisError

from batchgen.redis.broker_messages import TaskMessage, drop, read_task
from batchgen.redis.task_message import queue_keys

log = logging.getLogger(__name__)

#: Requests for a message that are on their way at the same time, at most.
_MOST_ASKED = 32
#: One that nobody answers is put once more: so a connection that is no more is noticed.
_ASK_S = 5
_ANSWER_S = 15.0
_AGAIN_S = 0.5
#: Events that nobody could send yet; more are dropped, as Celery's are where Redis is away.
_EVENTS_MOST = 10_000


class ItemRequest:
    """A message that is worked on, as Celery's requests are to its control commands."""

    __slots__ = (
        *("id", "args", "kwargs", "message", "task", "hostname", "time_start", "acknowledged"),
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


class CeleryState:
    """Celery's books of what is worked on, kept by Celery's own thread.

    It goes through them at commands and when it connects anew, and ends the worker where another
    thread changes them meanwhile.
    """

    def __init__(self) -> None:
        self._changes: deque[tuple[Callable[[ItemRequest], None], ItemRequest]] = deque()

    def change(self, change: Callable[[ItemRequest], None], request: ItemRequest) -> None:
        """Have a function of `celery.worker.state` called soon."""
        self._changes.append((change, request))

    def catch_up(self) -> None:
        """Make the changes, in their order; in Celery's thread."""
        for _ in range(len(self._changes)):
            change, request = self._changes.popleft()
            change(request)


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


class Intake:
    """The messages of one loop."""

    def __init__(
        self, *, work: Callable[[ItemRequest], "asyncio.Future[bool]"], concurrency: int
    ) -> None:
        """`work` begins to work on a message; its result says whether its item came to an end."""
        self._work = work
        self._concurrency = concurrency
        self._consumer: Consumer | None = None
        self._events = EventSender()
        self.celery_state = CeleryState()
        #: Messages that are worked on, and requests for one on their way.
        self._busy = self._asked = 0
        #: A lane became free; a request is on its way.
        self._room, self._pending = asyncio.Event(), asyncio.Event()

    def attach(self, consumer: Consumer) -> None:
        """Celery's consumer began, once more after it had lost Redis."""
        self._consumer = consumer

    def receive(self, message: TaskMessage) -> None:
        """Begin to work on a message; nothing where it was revoked."""
        consumer = self._consumer
        if consumer is None:
            raise RuntimeError("No message comes before Celery's consumer.")
        request = ItemRequest(message, task=consumer.task, hostname=consumer.hostname)
        if request.id in state.revoked:
            log.info("revoked: %s", request.id)
            return
        self._events.send(
            consumer.events,
            "task-received",
            uuid=request.id,
            name=request.name,
            args=request.argsrepr,
            kwargs=request.kwargsrepr,
            root_id=request.id,
            parent_id=None,
            retries=0,
            eta=None,
            expires=None,
        )
        self.celery_state.change(state.task_reserved, request)
        self._busy += 1
        self._work(request).add_done_callback(lambda done: self._end(request, consumer, done))

    def begins(self, request: ItemRequest, abort: Callable[[], None]) -> None:
        """A message's item was claimed."""
        request.begins(abort)
        self.celery_state.change(state.task_accepted, request)
        if self._consumer is not None:
            self._events.send(self._consumer.events, "task-started", uuid=request.id)

    def _end(self, request: ItemRequest, consumer: Consumer, done: "asyncio.Future[bool]") -> None:
        self._busy -= 1
        self._room.set()
        self.celery_state.change(state.task_ready, request)
        if done.cancelled():
            return
        if error := done.exception():
            log.error("item message %s failed", request.id, exc_info=error)
            self._events.send(
                consumer.events, "task-failed", uuid=request.id, exception=repr(error), traceback=""
            )
        elif request.time_start is not None:
            self._events.send(
                consumer.events,
                "task-succeeded",
                uuid=request.id,
                result="None",
                runtime=time.time() - request.time_start,
            )

    async def pull(self, client: "redis.asyncio.Redis") -> None:
        """Take messages from Redis, by their priority, until this is cancelled."""
        while True:
            try:
                await self._pull(client)
            except* (RedisError, OSError, TimeoutError) as away:
                log.warning("Redis is away, again in %s s: %s", _AGAIN_S, away.exceptions[0])
            await asyncio.sleep(_AGAIN_S)

    async def _pull(self, client: "redis.asyncio.Redis") -> None:
        pool = client.connection_pool
        connection = await pool.get_connection()  # type: ignore[no-untyped-call]  # in no stub
        self._asked = 0
        self._pending.clear()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._ask(connection))
                both.create_task(self._read(connection))
        finally:
            # Requests that are on their way must not be answered to whoever has it next.
            await connection.disconnect(nowait=True)
            await pool.release(connection)

    async def _ask(self, connection: Any) -> None:
        """Have a request on its way for each free lane."""
        (request,) = connection.pack_commands([("BRPOP", *queue_keys(settings.ITEM_QUEUE), _ASK_S)])
        while True:
            more = min(_MOST_ASKED, self._concurrency - self._busy) - self._asked
            if more > 0:
                self._asked += more
                self._pending.set()
                await connection.send_packed_command(request * more)
            await self._room.wait()
            self._room.clear()

    async def _read(self, connection: Any) -> None:
        while True:
            await self._pending.wait()
            async with asyncio.timeout(_ANSWER_S):
                answer = await connection.read_response(disable_decoding=True)
            self._asked -= 1
            if not self._asked:
                self._pending.clear()
            if answer is None:
                self._room.set()
            else:
                self._take(*answer)

    def _take(self, _key: bytes, raw: bytes) -> None:
        message = read_task(settings.ITEM_QUEUE, raw)
        if message is None:
            self._room.set()
            return
        try:
            self.receive(message)
        except Exception as error:  # whatever one message can do must not end the pulling
            drop(settings.ITEM_QUEUE, error)
            self._room.set()
