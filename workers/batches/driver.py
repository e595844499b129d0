"""A worker's part in slices: it waits for its turn, and then does what there is to do.

One process at a time has a provider's turn, by an advisory lock. Nothing depends on it: two that
took each other for dead would make slices of different items, and book each result once.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import Error as DjangoDatabaseError

from batchgen.db.sql import AsyncDatabase, Row, Turn
from providers.batches import Batches
from providers.errors import CallAborted, ProviderError
from providers.registry import account_of
from runs.engine.batches import batch_work, batches_out
from runs.states import BatchState
from workers.batches.collecting import Collector
from workers.batches.creating import Creator
from workers.batches.deadlines import Deadlines
from workers.batches.polling import Poller
from workers.batches.quiet import Quiet
from workers.clients import Clients

log = logging.getLogger(__name__)

#: The advisory locks of all providers' turns.
_LOCK = 7104
#: So long at most a process has the turn before others may: none holds a transaction for hours.
_TURN_S = 60.0
#: PostgreSQL gives the turn to others when its holder is silent for so long.
_VANISHED_S, _KEEP_S = 15.0, 3.0
#: Slices whose results are read at the same time.
_MOST_READ = 2
#: So long what a worker that stops has sent may take to be answered.
_STOP_S = 10.0


class BatchDriver:
    """Of one worker, and one loop."""

    def __init__(self, database: AsyncDatabase, clients: Clients) -> None:
        self._database = database
        self._clients = clients
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._lanes: dict[str, BatchLane] = {}

    def start(self) -> None:
        """Begin, in the loop."""
        self._running = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Take no turn any more; back when what is under way has ended, or was given up."""
        self._stopping.set()
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                for provider in await self._database.run(batch_work()):
                    await self._turn(provider)
            except (psycopg.Error, DjangoDatabaseError) as error:
                log.warning("batches: %s; again in %.2g s", error, settings.BATCH_TICK_S)
            except Exception:
                log.exception("batches: again in %.2g s", settings.BATCH_TICK_S)
            await self._sleep()

    async def _sleep(self) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), settings.BATCH_TICK_S)
        except TimeoutError:
            return

    async def _turn(self, provider: str) -> None:
        try:
            account = account_of(provider)
            client = await self._clients.of(provider)
        except (KeyError, ProviderError) as error:
            log.warning("no batches of %s: %s", provider, error)
            return
        async with self._database.turn(
            _LOCK, int(account.id[:7], 16), vanished_s=_VANISHED_S
        ) as turn:
            if turn is not None:
                lane = self._lanes.get(provider)
                if lane is None:
                    lane = self._lanes[provider] = BatchLane(
                        self._database, client.batches, provider
                    )
                await self._work(lane, turn)

    async def _work(self, lane: "BatchLane", turn: Turn) -> None:
        until = time.monotonic() + _TURN_S
        keeping = asyncio.create_task(_keep(turn))
        try:
            while time.monotonic() < until or lane.is_busy:
                if self._stopping.is_set() or keeping.done() or not await lane.round():
                    return
                await self._sleep()
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
            await lane.rest(stops=self._stopping.is_set())
            if not keeping.cancelled() and (lost := keeping.exception()):
                log.warning("another worker may have the turn of batches: %s", lost)


async def _keep(turn: Turn) -> None:
    """Until this is cancelled, or the turn is lost."""
    while True:
        await asyncio.sleep(_KEEP_S)
        await turn.keep()


class BatchLane:
    """What is to be done about one provider's batches."""

    def __init__(self, database: AsyncDatabase, batches: Batches | None, provider: str) -> None:
        self._database = database
        self._has_batches = batches is not None
        self._provider = provider
        self._quiet = Quiet()
        none: Any = batches
        self._poller = Poller(database, none)
        self._collector = Collector(database, none)
        self._creator = Creator(database, none, provider)
        self._deadlines = Deadlines(database, provider)
        self._creating: asyncio.Task[None] | None = None
        self._reading: dict[UUID, asyncio.Task[None]] = {}
        #: When a slice's results are read again, by time.monotonic.
        self._read_at: dict[UUID, float] = {}

    async def round(self) -> bool:
        """Do what is due; False where there is nothing to wait for.

        Raises:
            psycopg.Error: PostgreSQL is away.
        """
        if not self._has_batches:
            await self._creator.leave_all()
            return False
        out = await self._database.run(batches_out(self._provider))
        await self._deadlines.spill(out)
        await self._deadlines.let_go(out)
        if not self._quiet.lasts:
            await self._ask(out)
            out = await self._database.run(batches_out(self._provider))
        self._read(out)
        self._create(out)
        return bool(out or self._creating or self._reading)

    @property
    def is_busy(self) -> bool:
        """Something is under way that is not to be broken off without need."""
        tasks = [*self._reading.values(), *([self._creating] if self._creating else [])]
        return any(not task.done() for task in tasks)

    async def rest(self, *, stops: bool) -> None:
        """The turn is over. What is being read is read again by others; what is being handed in is
        waited for, not for long where the worker stops: others look for it then."""
        for reading in self._reading.values():
            reading.cancel()
        if self._reading:
            await asyncio.wait(self._reading.values())
        if self._creating is not None:
            _, late = await asyncio.wait([self._creating], timeout=_STOP_S if stops else None)
            for creating in late:
                creating.cancel()
                await asyncio.wait([creating])
        self._reading.clear()
        self._creating = None

    async def _ask(self, out: list[Row]) -> None:
        """Whatever becomes of one step, the others are taken."""
        failed: ProviderError | None = None
        steps: list[Callable[[], Awaitable[None]]] = [
            lambda: self._poller.poll(out),
            lambda: self._poller.cancel(out),
            lambda: self._poller.adopt(out, under_way=self._creator.under_way),
        ]
        for step in steps:
            try:
                await step()
            except ProviderError as error:
                log.warning("batches of %s: %s", self._provider, error)
                failed = error
        if failed is not None:
            self._quiet.after(failed)
            return
        self._quiet.over()
        # Only now: one that nobody could ask about is not missing.
        out = await self._database.run(batches_out(self._provider))
        await self._poller.give_up(out)

    def _read(self, out: list[Row]) -> None:
        for batch_id in [key for key, task in self._reading.items() if task.done()]:
            del self._reading[batch_id]
        known = {row["id"] for row in out}
        self._read_at = {key: at for key, at in self._read_at.items() if key in known}
        for row in out:
            due = time.monotonic() >= self._read_at.get(row["id"], 0.0)
            if (
                row["state"] == BatchState.ENDED
                and row["id"] not in self._reading
                and due
                and len(self._reading) < _MOST_READ
            ):
                self._reading[row["id"]] = asyncio.create_task(self._collect(row))

    async def _collect(self, row: Row) -> None:
        try:
            await self._collector.collect(row)
        except (ProviderError, CallAborted, psycopg.Error, DjangoDatabaseError) as error:
            log.warning("results of slice %s: %s; again soon", row["id"], error)
        except Exception:
            log.exception("results of slice %s; again soon", row["id"])
        finally:
            self._read_at[row["id"]] = time.monotonic() + settings.BATCH_POLL_S

    def _create(self, out: list[Row]) -> None:
        if self._creating is not None and self._creating.done():
            self._creating = None
        # While nobody knows what became of one, none of as many requests may come beside it.
        unknown = any(
            row["state"] == BatchState.CREATING and row["id"] not in self._creator.under_way
            for row in out
        )
        if self._creating is None and not unknown and not self._creator.quiet.lasts:
            self._creating = asyncio.create_task(self._create_all())

    async def _create_all(self) -> None:
        try:
            await self._creator.create_all()
        except (CallAborted, psycopg.Error, DjangoDatabaseError) as error:
            log.warning("slices: %s; again soon", error)
        except Exception:
            log.exception("slices; again soon")
