"""How a lane whose items are quick goes on: with the commit that ends one it claims the next.

The permit of the next call is asked for while the last answer is worked on. Where it is not there
in time, or the next item needs more, that goes by a message, as every item does whose lane went on
by itself for a while: so those that wait get their turn, and other workers their share.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

from django.conf import settings

from batchgen.db.ids import new_id
from batchgen.db.sql import Row
from limiter.permit_queue import TryLater
from runs.engine.claims import LaneClaim
from runs.engine.dispatch import Link
from runs.engine.going_on import GoingOn
from runs.engine.lanes import Finishing
from runs.engine.refusals import BudgetRefused, PriceMissing
from runs.states import ItemStatus
from workers.caller import AttemptTools
from workers.holds import Hold
from workers.permits import FirstCall, Permit

#: A permit is for an item of so many times the size of the one before, at most.
_ROOM = 1.25
#: So long an item's end waits for one.
_PATIENCE_S = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Follower:
    """An item that was claimed with the end of the one before."""

    link: Link
    claim: LaneClaim
    permit: Permit
    hold: Hold


class Onward:
    """Of one attempt.

    Attributes:
        follower: what its lane went on with.
    """

    def __init__(
        self, first: FirstCall, *, tools: AttemptTools, may_go_on: Callable[[], bool]
    ) -> None:
        """`first`: the attempt's own first call."""
        self.follower: Follower | None = None
        self._next = replace(first, input_tokens=ceil(_ROOM * first.input_tokens))
        self._tools, self._may_go_on = tools, may_go_on
        self._asked: asyncio.Task[Permit | TryLater] | None = None

    def ask(self) -> None:
        """An answer is there: ask for the next call's permit, if nobody has to wait for one."""
        if self._may_go_on() and self._tools.permits.are_free(self._next):
            asking = self._tools.permits.first(self._next, patience_s=settings.SLOT_WAIT_S)
            self._asked = asyncio.get_running_loop().create_task(asking)

    def drop(self) -> None:
        """The item does not end yet, or not well: a permit goes back."""
        asked, self._asked = self._asked, None
        if asked is None:
            return
        if not asked.done():
            asked.cancel()
        elif isinstance(permit := asked.result(), Permit):
            permit.unused()

    async def finish(self, finishing: Finishing) -> Row | None:
        """As `LaneStore.finish`; where there is a permit, the next item's claim is in it."""
        permit = await self._permit()
        if permit is None:
            return await self._tools.store.finish(finishing)
        try:
            return await self._go_on(finishing, permit)
        finally:
            if self.follower is None:
                permit.unused()

    async def _permit(self) -> Permit | None:
        asked, self._asked = self._asked, None
        if asked is None:
            return None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                found = await asked
        except TimeoutError:  # nobody asks any more
            return None
        return found if isinstance(found, Permit) else None

    async def _go_on(self, finishing: Finishing, permit: Permit) -> Row | None:
        if finishing.outcome.status is not ItemStatus.COMPLETED:
            return await self._tools.store.finish(finishing)
        hold = self._tools.holds.first(self._next)
        try:
            moved = await self._tools.store.go_on(
                GoingOn(
                    finishing=finishing,
                    call_id=new_id(),
                    held_micro_usd=hold.micro_usd,
                    input_tokens=self._next.input_tokens,
                )
            )
        except (BudgetRefused, PriceMissing):
            return await self._tools.store.finish(finishing)
        if moved is None:
            return None
        if moved.claim is not None:
            self.follower = Follower(
                link=Link.of(moved.row), claim=moved.claim, permit=permit, hold=hold
            )
        return moved.row
