"""What a worker's loop does: it takes messages, and works on one link of a lane's chain for each.

A link is a slot, a permit, the claim, the attempt. What is not for the loop alone says so.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from django.conf import settings

from batchgen.db.clock import DATABASE
from batchgen.db.ids import new_id
from batchgen.db.in_thread import in_thread
from batchgen.db.sql import AsyncDatabase
from batchgen.logs import log_bind, log_context
from batchgen.redis.loop_client import loop_client
from batchgen.redis.task_message import queue_key
from limiter.permit_queue import TryLater
from providers.errors import ProviderError
from providers.provider import Provider
from runs.engine.budget_waits import budget_rests, budget_wait, run_pause_unpriced
from runs.engine.claims import LaneClaim
from runs.engine.dispatch import LOWEST_PRIORITY, last_of
from runs.engine.lanes import Fence
from runs.engine.refusals import BudgetRefused, PriceMissing
from runs.engine.transitions import run_finalize
from runs.states import WaitReason
from workers.answer_turns import AnswerTurns
from workers.attempt import Attempt
from workers.batches.driver import BatchDriver
from workers.caller import AttemptTools
from workers.celery_face import ItemRequest
from workers.clients import Clients
from workers.holds import Hold, Holds, least_of
from workers.intake import Intake
from workers.lane_store import LaneStore
from workers.loop import LoopThread
from workers.permits import FirstCall, Permit, Permits
from workers.progress import CallTimes
from workers.run_ends import RunEnds
from workers.sender import Sender
from workers.slots import FairShareReached, Slots
from workers.spans import RunPlaces

log = logging.getLogger(__name__)

#: How often what the limiter was not told yet is told to it, and for what it holds it hears of us.
_FLUSH_S = 0.5


class Stopping(Exception):
    """This worker takes no new items."""


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
        self.intake = Intake(work=self._begin, concurrency=concurrency, is_served=is_served)
        self._loop = loop
        self._worker_id = worker_id
        self._clients = Clients(connect)
        self._stopping = asyncio.Event()
        self._links: set[asyncio.Task[bool]] = set()
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
        self._batches = BatchDriver(self._database, self._clients)
        self._flushing = asyncio.create_task(self._flush())

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
        if self._links:
            await asyncio.wait(self._links, timeout=settings.STOP_GRACE_S)
        self.give_up()
        if self._links:
            await asyncio.wait(self._links)
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

    def _begin(self, request: ItemRequest) -> "asyncio.Task[bool]":
        link = asyncio.get_running_loop().create_task(self.work(request))
        self._links.add(link)
        link.add_done_callback(self._links.discard)
        return link

    async def work(self, request: ItemRequest) -> bool:
        """Do one link of a lane's chain; False where its item was not begun."""
        item_id, lane_id, fencing_token = request.args
        first = FirstCall.of(request.kwargs["first_call"])
        fence = Fence(
            lane_id=lane_id, fencing_token=fencing_token, item_id=UUID(item_id), kind=first.kind
        )
        requeued = request.message.priority == LOWEST_PRIORITY
        with log_context(item=item_id, lane=f"{lane_id}.{fencing_token}"):
            try:
                self.slots.take(first.user, weight=first.weight, requeued=requeued)
            except FairShareReached:
                self.tools.sender.push(last_of(request))
                return False
            try:
                return await self._link(request, fence, first, request.kwargs.get("due_at"))
            except Stopping:
                # Nothing was claimed: the message goes back for another worker.
                name = queue_key(settings.ITEM_QUEUE, request.message.priority)
                self.tools.sender.push({name: [request.message.raw]})
                return False
            finally:
                self.slots.free(first.user)

    async def _link(
        self, request: ItemRequest, fence: Fence, first: FirstCall, due_at: float | None
    ) -> bool:
        # A claimed item's call must begin at once: a pause counts on it.
        client = await self._clients.for_call(first.kind, first.provider)
        await self.tools.places.learn(first.run)
        await self._await_turn(due_at)
        permit: Permit | TryLater | None = None
        if client is not None and not isinstance(client, ProviderError) and not first.answered:
            permit = await self._first_permit(first)
        if isinstance(permit, TryLater):
            await self.tools.store.park(fence, reason=permit.reason, wait_s=permit.seconds)
            return False
        try:
            attempt = await self.attempt(fence, client, first, permit)
        except BudgetRefused as refused:
            await self._await_budget(fence, first, refused)
            return False
        except PriceMissing:
            await in_thread(run_pause_unpriced, run_id=UUID(first.run))
            return False
        if attempt is None:
            log.debug("late or doubled: lane %s.%s", fence.lane_id, fence.fencing_token)
            return False
        await self._run(attempt, request)
        return True

    async def _await_turn(self, due_at: float | None) -> None:
        """Wait until it is due; an item whose time is further away is begun sooner than that."""
        if due_at is not None and (wait_s := _seconds_until(due_at)) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopping.wait()
        if self._stopping.is_set():
            raise Stopping

    async def _first_permit(self, first: FirstCall) -> Permit | TryLater:
        permit = await self.tools.permits.first(first, patience_s=settings.SLOT_WAIT_S)
        if isinstance(permit, Permit) and self._stopping.is_set():
            permit.unused()
            raise Stopping
        return permit

    async def attempt(
        self,
        fence: Fence,
        client: Provider | ProviderError | None,
        first: FirstCall,
        permit: Permit | None,
    ) -> Attempt | None:
        """Claim the fence's item; None when its message is late, doubled, or the run stands
        still. Then the permit goes back.

        Raises:
            BudgetRefused, PriceMissing: its call may not begin; likewise.
        """
        claim = hold = None
        try:
            if permit is None:
                claim = await self.tools.store.claim(fence, None, held_micro_usd=None)
            else:
                claim, hold = await self._claim_holding(fence, first)
        finally:
            if permit and claim is None:
                permit.unused()
        if claim is None:
            return None
        log_bind(run=claim.run_id)
        return Attempt(
            claim, tools=self.tools, client=client, first=first, permit=permit, hold=hold
        )

    async def _claim_holding(self, fence: Fence, first: FirstCall) -> tuple[LaneClaim | None, Hold]:
        """Claim the item, and hold what its first call is thought to cost at most. At the end of a
        budget, once nothing else is under way in it, its prompt decides: less is held for now."""
        hold, least, call_id = self.tools.holds.first(first), least_of(first), new_id()
        claim = self.tools.store.claim
        try:
            return await claim(fence, call_id, held_micro_usd=hold.micro_usd), hold
        except BudgetRefused as refused:
            if not await in_thread(budget_rests, refused):  # later its prompt may fit
                raise BudgetRefused(refused.budget_id, least.micro_usd or 0) from refused
            return await claim(fence, call_id, held_micro_usd=least.micro_usd), least

    async def _await_budget(self, fence: Fence, first: FirstCall, refused: BudgetRefused) -> None:
        """Park the lane while calls hold what a budget has left; where none does, pause its run."""
        wait_s = await in_thread(budget_wait, run_id=UUID(first.run), refused=refused)
        if wait_s is not None:
            await self.tools.store.park(fence, reason=WaitReason.BUDGET, wait_s=wait_s)

    async def _run(self, attempt: Attempt, request: ItemRequest) -> None:
        lane_id = attempt.fence.lane_id
        self.attempts[lane_id] = attempt
        self.intake.begins(request, lambda: self._loop.call(attempt.abort))
        claim = attempt.claim
        try:
            with attempt.span.of(claim, self.tools.places.of(claim.run_id)):
                await attempt.run()
        finally:
            if self.attempts.get(lane_id) is attempt:
                del self.attempts[lane_id]


def _seconds_until(due_at: float) -> float:
    """What there is to wait; never longer than a slot may wait."""
    return min(due_at - DATABASE.as_known().timestamp(), settings.SLOT_WAIT_S)
