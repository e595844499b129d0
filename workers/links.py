"""What a worker's loop does for a lane: one link of its chain after the other.

A link is a slot, a permit, the claim, the attempt. It begins with a message, or with the end of the
link before (workers/onward.py).
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.conf import settings

from batchgen.db.clock import DATABASE
from batchgen.db.ids import new_id
from batchgen.db.in_thread import in_thread
from batchgen.logs import log_bind, log_context
from batchgen.redis.task_message import queue_key
from content.registry import kind_named
from limiter.permit_queue import TryLater
from providers.errors import ProviderError
from providers.provider import Provider
from runs.engine.budget_waits import budget_rests, budget_wait, run_pause_unpriced
from runs.engine.claims import LaneClaim
from runs.engine.dispatch import LOWEST_PRIORITY
from runs.engine.lanes import Fence
from runs.engine.refusals import BudgetRefused, PriceMissing
from runs.states import WaitReason
from workers.attempt import Attempt
from workers.caller import AttemptTools
from workers.celery_face import ItemRequest
from workers.clients import Clients
from workers.holds import Hold, least_of
from workers.intake import Intake
from workers.loop import LoopThread
from workers.onward import Follower, Onward
from workers.permits import FirstCall, Permit
from workers.slots import FairShareReached, Slots

log = logging.getLogger(__name__)

#: An item that took longer has its lane go on by a message, which costs little beside it: a pause
#: waits for claims under way, and one with the end of an item takes longer.
_QUICK_S = 0.25


class Stopping(Exception):
    """This worker takes no new items."""


class Links:
    """Those of one loop."""

    def __init__(
        self,
        *,
        attempts: dict[int, Attempt],
        tools: AttemptTools,
        clients: Clients,
        intake: Intake,
        slots: Slots,
        loop: LoopThread,
        stopping: asyncio.Event,
    ) -> None:
        """`attempts` are kept here, by their lane's id. `stopping` is set once no item is to be
        begun."""
        #: Those that have not ended.
        self.under_way: set[asyncio.Task[bool]] = set()
        self._attempts = attempts
        self._tools, self._clients, self._intake = tools, clients, intake
        self._slots, self._loop, self._stopping = slots, loop, stopping

    def begin(self, request: ItemRequest) -> "asyncio.Task[bool]":
        """Begin with a message; the result is that of `work`."""
        return self._begin(self.work(request))

    def _begin(self, work: Coroutine[Any, Any, bool]) -> "asyncio.Task[bool]":
        link = asyncio.get_running_loop().create_task(work)
        self.under_way.add(link)
        link.add_done_callback(self.under_way.discard)
        return link

    async def work(self, request: ItemRequest) -> bool:
        """Do the link that a message is of; False where its item was not begun."""
        item_id, lane_id, fencing_token = request.args
        first = FirstCall.of(request.kwargs["first_call"])
        fence = Fence(
            lane_id=lane_id, fencing_token=fencing_token, item_id=UUID(item_id), kind=first.kind
        )
        requeued = request.message.priority == LOWEST_PRIORITY
        with log_context(item=item_id, lane=f"{lane_id}.{fencing_token}"):
            try:
                self._slots.take(first.user, weight=first.weight, requeued=requeued)
            except FairShareReached:
                self._tools.sender.put_behind(request, user=first.user)
                return False
            try:
                return await self._link(request, fence, first, request.kwargs.get("due_at"))
            except Stopping:
                # Nothing was claimed: the message goes back for another worker.
                name = queue_key(settings.ITEM_QUEUE, request.message.priority)
                self._tools.sender.push({name: [request.message.raw]})
                return False
            finally:
                self._free(first)

    def _free(self, first: FirstCall) -> None:
        """Give a slot back. A user who has none any more does not wait behind those who do."""
        self._slots.free(first.user)
        if not self._slots.has(first.user):
            self._tools.sender.bring_forward(first.user, self._slots.share(first.weight))

    async def _link(
        self, request: ItemRequest, fence: Fence, first: FirstCall, due_at: float | None
    ) -> bool:
        # A claimed item's call must begin at once: a pause counts on it.
        client = await self._client(first)
        await self._tools.places.learn(first.run)
        await self._await_turn(due_at)
        permit: Permit | TryLater | None = None
        if client is not None and not isinstance(client, ProviderError) and not first.answered:
            permit = await self._first_permit(first)
        if isinstance(permit, TryLater):
            await self._tools.store.park(fence, reason=permit.reason, wait_s=permit.seconds)
            return False
        try:
            attempt = await self.attempt(
                fence, client, first, permit, alone_until=request.alone_until
            )
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

    async def _client(self, first: FirstCall) -> Provider | ProviderError | None:
        return await self._clients.for_call(first.kind, first.provider)

    async def _await_turn(self, due_at: float | None) -> None:
        """Wait until it is due; an item whose time is further away is begun sooner than that."""
        if due_at is not None and (wait_s := _seconds_until(due_at)) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopping.wait()
        if self._stopping.is_set():
            raise Stopping

    async def _first_permit(self, first: FirstCall) -> Permit | TryLater:
        permit = await self._tools.permits.first(first, patience_s=settings.SLOT_WAIT_S)
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
        *,
        alone_until: float = 0.0,
    ) -> Attempt | None:
        """Claim the fence's item; None when its message is late, doubled, or the run stands
        still. Then the permit goes back.

        Args:
            alone_until: see `ItemRequest`.

        Raises:
            BudgetRefused, PriceMissing: its call may not begin; likewise.
        """
        claim = hold = None
        try:
            if permit is None:
                claim = await self._tools.store.claim(fence, None, held_micro_usd=None)
            else:
                claim, hold = await self._claim_holding(fence, first)
        finally:
            if permit and claim is None:
                permit.unused()
        if claim is None:
            return None
        log_bind(run=claim.run_id)
        return self._attempt_at(
            claim, client=client, first=first, permit=permit, hold=hold, alone_until=alone_until
        )

    async def _claim_holding(self, fence: Fence, first: FirstCall) -> tuple[LaneClaim | None, Hold]:
        """Claim the item, and hold what its first call is thought to cost at most. At the end of a
        budget, once nothing else is under way in it, its prompt decides: less is held for now."""
        hold, least, call_id = self._tools.holds.first(first), least_of(first), new_id()
        claim = self._tools.store.claim
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
            await self._tools.store.park(fence, reason=WaitReason.BUDGET, wait_s=wait_s)

    async def _run(self, attempt: Attempt, request: ItemRequest) -> None:
        lane_id = attempt.fence.lane_id
        self._attempts[lane_id] = attempt
        self._intake.begins(request, lambda: self._loop.call(attempt.abort))
        claim = attempt.claim
        try:
            with attempt.span.of(claim, self._tools.places.of(claim.run_id)):
                await attempt.run()
        finally:
            if self._attempts.get(lane_id) is attempt:
                del self._attempts[lane_id]
        if follower := attempt.onward.follower:
            self._intake.follow(
                request, follower.link, lambda next_: self._begin(self._go_on(next_, follower))
            )

    def _attempt_at(
        self,
        claim: LaneClaim,
        *,
        client: Provider | ProviderError | None,
        first: FirstCall,
        permit: Permit | None,
        hold: Hold | None,
        alone_until: float,
    ) -> Attempt:
        may_follow = not claim.delay_ms and not kind_named(claim.fence.kind).reads_others
        until = min(alone_until, time.monotonic() + _QUICK_S)
        onward = Onward(
            first,
            tools=self._tools,
            may_go_on=lambda: (
                may_follow and time.monotonic() < until and not self._stopping.is_set()
            ),
        )
        return Attempt(
            claim,
            tools=self._tools,
            client=client,
            first=first,
            permit=permit,
            onward=onward,
            hold=hold,
        )

    async def _go_on(self, request: ItemRequest, follower: Follower) -> bool:
        """Do the link that the one before has claimed."""
        claim, fence = follower.claim, follower.claim.fence
        first = FirstCall.of(request.kwargs["first_call"])
        self._slots.take(first.user, weight=first.weight, requeued=True)
        try:
            with log_context(
                item=str(fence.item_id),
                lane=f"{fence.lane_id}.{fence.fencing_token}",
                run=claim.run_id,
            ):
                attempt = self._attempt_at(
                    claim,
                    client=await self._client(first),
                    first=first,
                    permit=follower.permit.of(first),
                    hold=follower.hold,
                    alone_until=request.alone_until,
                )
                if self._stopping.is_set():
                    attempt.abort()
                await self._run(attempt, request)
        finally:
            self._free(first)
        return True


def _seconds_until(due_at: float) -> float:
    """What there is to wait; never longer than a slot may wait."""
    return min(due_at - DATABASE.as_known().timestamp(), settings.SLOT_WAIT_S)
