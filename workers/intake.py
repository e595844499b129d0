"""Messages of items: how they come from Redis into the loop, and what Celery's tools see of them.

The loop pulls them itself, as many at a time as it has lanes free: through kombu's hub each would
take a turn of its own, a handover between threads, and groups of items would come apart. Format and
queue are Celery's, and so is the way in (`workers.tasks.item_strategy`): a message that Celery's
consumer was given, by `-Q` for example, is worked on alike. `inspect`, `revoke` and Flower see each
item as a task.

A message is a hint: nobody acknowledges it. Where one is lost with its worker, the reconciler sees
that its lane was sent and has no message, and sends it again.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Any

import redis.asyncio
from celery.worker import state
from django.conf import settings
from redis import RedisError

from batchgen.redis.broker_messages import InvalidMessage, TaskMessage, drop, read_task
from batchgen.redis.task_message import queue_keys
from runs.engine.dispatch import Link
from workers.celery_face import CeleryState, Consumer, EventSender, ItemRequest

log = logging.getLogger(__name__)

#: Requests for a message that are on their way at the same time, at most.
_MOST_ASKED = 32
#: One that nobody answers is put once more: so a connection that is no more is noticed.
_ASK_S = 3
_ANSWER_S = 5.0
_AGAIN_S = 0.5
#: How often PostgreSQL's answers are asked after.
_LOOK_S = 0.2


class _Unserved(Exception):
    """PostgreSQL does not answer, so that nothing can be claimed."""


class Intake:
    """The messages of one loop."""

    def __init__(
        self,
        *,
        work: Callable[[ItemRequest], "asyncio.Future[bool]"],
        concurrency: int,
        is_served: Callable[[], bool] = lambda: True,
    ) -> None:
        """`work` begins to work on a message; its result says whether its item came to an end.
        `is_served`: PostgreSQL answers. Else messages are left to other workers, who may be
        served; one that cannot claim would have every free lane's soon."""
        self._work, self._is_served = work, is_served
        self._concurrency = concurrency
        self._consumer: Consumer | None = None
        self._events = EventSender()
        self.celery_state = CeleryState()
        #: Messages that are worked on, and requests for one on their way.
        self._busy = self._asked = 0
        #: Messages of Redis are taken.
        self.is_open = False
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
        if message.headers["task"] != consumer.task.name:
            raise InvalidMessage("task", f"{message.headers['task']} is none of an item")
        request = ItemRequest(message, task=consumer.task, hostname=consumer.hostname)
        if request.id in state.revoked:
            log.info("revoked: %s", request.id)
            return
        self._begin(request, self._work(request))

    def follow(
        self,
        before: ItemRequest,
        link: Link,
        work: Callable[[ItemRequest], "asyncio.Future[bool]"],
    ) -> None:
        """The lane of `before` went on with an item whose message was never sent."""
        said = link.message
        message = TaskMessage(
            headers={
                "id": said["id_"],
                "argsrepr": said["argsrepr"],
                "kwargsrepr": said["kwargsrepr"],
            },
            args=said["args"],
            kwargs={"first_call": link.first_call, "due_at": None},
            priority=before.message.priority,
            raw=b"",
        )
        request = before.followed_by(message)
        self._begin(request, work(request))

    def _begin(self, request: ItemRequest, work: "asyncio.Future[bool]") -> None:
        work.add_done_callback(lambda done: self._end(request, done))
        self._busy += 1
        self._tell(
            "task-received",
            request,
            name=request.name,
            args=request.argsrepr,
            kwargs=request.kwargsrepr,
            root_id=request.id,
            parent_id=None,
            retries=0,
            eta=None,
            expires=None,
        )
        self.celery_state.reserve(request)

    def begins(self, request: ItemRequest, abort: Callable[[], None]) -> None:
        """A message's item was claimed."""
        request.begins(abort)
        self.celery_state.begin(request)
        self._tell("task-started", request)

    def _end(self, request: ItemRequest, done: "asyncio.Future[bool]") -> None:
        self._busy -= 1
        self._room.set()
        self.celery_state.end(request)
        if done.cancelled():
            return
        if error := done.exception():
            log.error("item message %s failed", request.id, exc_info=error)
            self._tell("task-failed", request, exception=repr(error), traceback="")
        elif request.time_start is not None:
            runtime = time.time() - request.time_start
            self._tell("task-succeeded", request, result="None", runtime=runtime)

    def _tell(self, kind: str, request: ItemRequest, **fields: Any) -> None:
        if self._consumer is not None:
            self._events.send(self._consumer.events, kind, uuid=request.id, **fields)

    async def pull(self, client: "redis.asyncio.Redis") -> None:
        """Take messages from Redis, by their priority, until this is cancelled.

        Whatever else ends it, it begins again: a worker that pulls no more lives, and does nothing.
        """
        self.is_open = True
        try:
            while True:
                while not self._is_served():
                    await asyncio.sleep(_LOOK_S)
                # A task for each connection: what the failure of a group leaves on its task makes a
                # cancel of the next time-out, in Pythons before 3.11.3.
                pulling = asyncio.create_task(self._pull(client))
                try:
                    await asyncio.wait([pulling])
                finally:
                    pulling.cancel()
                    await asyncio.wait([pulling])
                _log_end(pulling)
                await asyncio.sleep(_AGAIN_S)
        finally:
            self.is_open = False

    async def _pull(self, client: "redis.asyncio.Redis") -> None:
        pool = client.connection_pool
        connection = await pool.get_connection()  # type: ignore[no-untyped-call]  # in no stub
        self._asked = 0
        self._pending.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                for task in (self._ask(connection), self._read(connection), self._watch()):
                    tasks.create_task(task)
        finally:
            # Requests that are on their way must not be answered to whoever has it next.
            await connection.disconnect(nowait=True)
            await pool.release(connection)

    async def _watch(self) -> None:
        while self._is_served():
            await asyncio.sleep(_LOOK_S)
        raise _Unserved

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
                # Without a time-out of its own, which is as long as Redis takes to say "nothing".
                answer = await connection.read_response(disable_decoding=True, timeout=math.inf)
            self._asked -= 1
            if not self._asked:
                self._pending.clear()
            if self._asked <= _MOST_ASKED // 2:
                self._room.set()  # for more requests, where this leaves lanes free
            if answer is not None:
                self._take(*answer)

    def _take(self, _key: bytes, raw: bytes) -> None:
        try:
            message = read_task(settings.ITEM_QUEUE, raw)
            if message is not None:
                self.receive(message)
        except Exception as error:  # whatever one message can do must not end the pulling
            drop(settings.ITEM_QUEUE, error)


def _log_end(pulling: "asyncio.Task[None]") -> None:
    """What ended it, in the log."""
    error = None if pulling.cancelled() else pulling.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, _Unserved):
        log.warning("no items are taken: PostgreSQL does not answer")
    elif isinstance(error, (RedisError, OSError)):
        log.warning("Redis is away, again in %s s: %s", _AGAIN_S, error)
    else:
        log.error("messages are pulled no more; again in %s s", _AGAIN_S, exc_info=error)
