"""A worker's loop from its start to its stop: it takes messages, and works on lanes' links.

What is not for the loop alone says so.
"""

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

from django.conf import settings

from batchgen.db.in_thread import in_thread
from batchgen.db.sql import AsyncDatabase
from batchgen.redis.loop_client import loop_client
from providers.provider import Provider
from runs.engine.transitions import run_finalize
from workers.answer_turns import AnswerTurns
from workers.attempt import Attempt
from workers.batches.driver import BatchDriver
from workers.caller import AttemptTools
from workers.celery_face import ItemRequest
from workers.clients import Clients
from workers.holds import Holds
from workers.intake import Intake
from workers.lane_store import LaneStore
from workers.links import Links
from workers.loop import LoopThread
from workers.permits import Permits
from workers.progress import CallTimes
from workers.run_ends import RunEnds
from workers.sender import Sender
from workers.slots import Slots
from workers.spans import RunPlaces

log = logging.getLogger(__name__)

#: How often what the limiter was not told yet is told to it, and for what it holds it hears of us.
_FLUSH_S = 0.5


class Engine:
    """The lanes of one process. Made by any thread; `open` comes first."""

    def __init__(
        self,
        *,
        worker_id: UUID,
        concurrency: int,
        connect: Callable[[str], Provider],
        loop: LoopThread,
        is_served: Callable[[], bool] = lambda: True,
    ) -> None:
        """`connect` makes a client, not opened yet, of the provider that has a name; for
        `is_served`, see `Intake`."""
        #: By their lane's id; other threads may copy it.
        self.attempts: dict[int, Attempt] = {}
        self.slots = Slots(concurrency)
        self.intake = Intake(
            work=self._work,
            concurrency=concurrency,
            is_served=is_served,
        )
        self._loop = loop
        self._worker_id = worker_id
        self._clients = Clients(connect)
        self._stopping = asyncio.Event()
        self._pulling: asyncio.Task[None] | None = None
        self._flushing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect to PostgreSQL; Redis may be away."""
        self._redis = loop_client()
        self._database = AsyncDatabase()
        await self._database.open()
        self.answers = AnswerTurns()
        self.tools = AttemptTools(
            store=LaneStore(
                self._database,
                worker_id=self._worker_id,
                answers_coming=lambda: len(self.answers),
            ),
            sender=Sender(self._redis),
            permits=Permits(self._redis, process=self._worker_id),
            answers=self.answers,
            times=CallTimes(),
            holds=Holds(),
            ends=RunEnds(lambda run_id: in_thread(run_finalize, run_id=run_id)),
            places=RunPlaces(),
        )
        self.links = Links(
            attempts=self.attempts,
            tools=self.tools,
            clients=self._clients,
            intake=self.intake,
            slots=self.slots,
            loop=self._loop,
            stopping=self._stopping,
        )
        self._batches = BatchDriver(self._database, self._clients)
        self._flushing = asyncio.create_task(self._flush())

    def _work(self, request: ItemRequest) -> "asyncio.Task[bool]":
        return self.links.begin(request)

    async def open_client(self) -> None:
        """Wait until calls to the configured provider can be made.

        Raises:
            Exception: they cannot: see `Clients.of`.
        """
        await self._clients.of(settings.PROVIDER_NAME)

    async def open_gate(self) -> None:
        """Let the configured provider's buckets fill from now on, where nobody called for long."""
        await self.tools.permits.open(settings.MODEL)

    def start_pulling(self) -> None:
        """Take messages from Redis from now on."""
        if self._pulling is None and not self._stopping.is_set():
            self._pulling = asyncio.get_running_loop().create_task(self.intake.pull(self._redis))
            self._batches.start()

    async def drain(self) -> None:
        """Take no new items; back when those under way have ended or were given back.

        They have the grace period to end.
        """
        self._stopping.set()
        if self._pulling is not None:
            self._pulling.cancel()
        await self._batches.stop()
        if self.links.under_way:
            await asyncio.wait(self.links.under_way, timeout=settings.STOP_GRACE_S)
        self.give_up()
        if self.links.under_way:
            await asyncio.wait(self.links.under_way)
        await self.tools.sender.flushed()

    def give_up(self) -> None:
        """Have all items that are under way given back now."""
        for attempt in list(self.attempts.values()):
            attempt.abort()

    async def close(self) -> None:
        """After `drain`: close all connections."""
        if self._flushing is not None:
            self._flushing.cancel()
        await self._clients.close()
        await self._database.close()
        await self._redis.aclose()

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            try:
                await self.tools.permits.flush()
            except Exception:
                log.exception("the limiter was not told; again in %.2g s", _FLUSH_S)
