"""What the process's lanes write to PostgreSQL: claims, finishes and so on, in groups."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from batchgen.db.ids import new_id
from batchgen.db.in_thread import in_thread
from batchgen.db.sql import AsyncDatabase, Row
from runs.engine.calls import call_book, call_hold, call_next
from runs.engine.claims import Claiming, LaneClaim, lane_claim, lanes_claim
from runs.engine.going_on import GoingOn, Moved, lane_go_on, lanes_go_on
from runs.engine.lanes import (
    Fence,
    Finishing,
    GivingBack,
    Parking,
    lane_finish,
    lane_give_back,
    lane_park,
    lanes_finish,
    lanes_give_back,
    lanes_park,
)
from runs.engine.outcomes import Spend
from runs.engine.refusals import refusals
from runs.engine.rhythm import Rhythm
from runs.engine.transitions import run_begin
from workers.group_commit import GroupCommit

#: So many finishes make a group that does not wait for answers that are about to be worked on.
_ENOUGH_FINISHES = 5


#: How often finishes look for items whose message nobody reads. Near the end of a run with
#: thousands of lanes each of them would look at all of these.
_UNREAD_EVERY_S = 0.5


class LaneStore:
    """Of one worker, and one loop."""

    def __init__(
        self, database: AsyncDatabase, *, worker_id: UUID, answers_coming: Callable[[], int]
    ) -> None:
        """`answers_coming` says how many answers are about to be worked on."""
        self._database = database
        self._answers_coming = answers_coming
        #: By their kind, since each kind has statements of its own.
        self._claims: dict[str, GroupCommit[Claiming, LaneClaim | None]] = defaultdict(
            lambda: GroupCommit(
                database,
                "claim",
                single=partial(lane_claim, worker_id=worker_id),
                group=partial(lanes_claim, worker_id=worker_id),
            )
        )
        self._finishes: dict[str, GroupCommit[Finishing, Row | None]] = defaultdict(
            lambda: self._ends("finish", single=lane_finish, group=lanes_finish)
        )
        self._goings_on: dict[str, GroupCommit[GoingOn, Moved | None]] = defaultdict(
            lambda: self._ends("go_on", single=lane_go_on, group=lanes_go_on)
        )
        self._given_back = GroupCommit(
            database, "give_back", single=lane_give_back, group=lanes_give_back
        )
        self._parks = GroupCommit(database, "park", single=lane_park, group=lanes_park)
        self._unread = Rhythm(_UNREAD_EVERY_S)
        self._beginnings: dict[UUID, asyncio.Task[bool]] = {}

    def _ends(
        self, name: str, *, single: Callable[..., Any], group: Callable[..., Any]
    ) -> GroupCommit[Any, Any]:
        return GroupCommit(
            self._database,
            name,
            single=lambda one: single(one, takes_unread=self._unread.due()),
            group=lambda members: group(members, takes_unread=self._unread.due()),
            enough=_ENOUGH_FINISHES,
            coming=self._answers_coming,
        )

    async def claim(
        self, fence: Fence, call_id: UUID | None, *, held_micro_usd: int | None
    ) -> LaneClaim | None:
        """Claim the fence's item; None when its message is late or doubled, or the run stands
        still. For the arguments, see `Claiming`; all raise psycopg.Error.

        Raises:
            BudgetRefused, PriceMissing: its call may not begin.
        """
        with refusals():
            return await self._claims[fence.kind].submit(
                Claiming(fence=fence, call_id=call_id, held_micro_usd=held_micro_usd)
            )

    async def finish(self, finishing: Finishing) -> Row | None:
        """End an item and move its lane on; the lane's new row, or None for a stale attempt."""
        return await self._finishes[finishing.fence.kind].submit(finishing)

    async def go_on(self, going_on: GoingOn) -> Moved | None:
        """As `finish`, and claim the lane's next item.

        Raises:
            BudgetRefused, PriceMissing: its call may not begin; nothing was done.
        """
        with refusals():
            return await self._goings_on[going_on.fence.kind].submit(going_on)

    async def give_back(self, giving_back: GivingBack) -> bool:
        """Put an item back and park its lane; False for a stale attempt."""
        return await self._given_back.submit(giving_back)

    async def park(self, fence: Fence, *, reason: str, wait_s: float) -> bool:
        """Let a lane that was sent wait outside of the worker; False when its message is late."""
        return await self._parks.submit(Parking(fence=fence, reason=reason, wait_s=wait_s))

    async def next_call(
        self,
        fence: Fence,
        *,
        call_id: UUID | None,
        spend: Spend,
        response: Mapping[str, str],
        purpose: str,
        model: str,
        held_micro_usd: int | None,
    ) -> UUID | None:
        """End a call and begin the attempt's next one; its id, or None where it may not start.

        Raises:
            BudgetRefused, PriceMissing: it may not begin; nothing was done.
        """
        next_call_id = new_id()
        with refusals():
            begun = await self._database.run(
                call_next(
                    fence=fence,
                    call_id=call_id,
                    next_call_id=next_call_id,
                    spend=spend,
                    response=response,
                    purpose=purpose,
                    model=model,
                    held_micro_usd=held_micro_usd,
                )
            )
        return next_call_id if begun else None

    async def hold(self, call_id: UUID, held_micro_usd: int) -> None:
        """Hold more for a call, before it begins.

        Raises:
            BudgetRefused: that does not fit.
        """
        with refusals():
            await self._database.run(call_hold(call_id=call_id, held_micro_usd=held_micro_usd))

    async def book(
        self,
        *,
        lane_id: int,
        call_id: UUID | None,
        spend: Spend,
        response: Mapping[str, str] | None,
    ) -> None:
        """Book what an attempt spent whose item is not its own any more, or is given back."""
        await self._database.run(
            call_book(lane_id=lane_id, call_id=call_id, spend=spend, response=response)
        )

    async def begin_run(self, run_id: UUID, *, item_word: str) -> None:
        """QUEUED -> RUNNING: once, for all lanes whose claims saw the run QUEUED."""
        beginning = self._beginnings.get(run_id)
        if beginning is None:
            work: Any = in_thread(run_begin, run_id=run_id, item_word=item_word)
            beginning = self._beginnings[run_id] = asyncio.ensure_future(work)
            beginning.add_done_callback(lambda _: self._beginnings.pop(run_id))
        await asyncio.shield(beginning)
