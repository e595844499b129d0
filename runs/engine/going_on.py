"""A lane that goes on: the end of an item and the claim of the lane's next one, in one commit.

What a lane's quick items would wait for otherwise is two commits and a message between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from batchgen.db.sql import Row, Statement
from runs.engine.claims import CLAIM_SHARED, LaneClaim, claim_of
from runs.engine.groups import LaneStatement
from runs.engine.lanes import PATIENCE_S, Fence, Finishing, finish_shared
from runs.states import LaneState


@dataclass(frozen=True, kw_only=True, slots=True)
class GoingOn:
    """The end of an item, and what the next one's first call may take.

    Attributes:
        finishing: without a wait for the next item.
        call_id: of the next call, whose intent is written.
        held_micro_usd: the most that it can cost; None where its model has no price.
        input_tokens: a larger item is left to its message.
    """

    finishing: Finishing
    call_id: UUID
    held_micro_usd: int | None
    input_tokens: int

    @property
    def fence(self) -> Fence:
        """That of the item that ends."""
        return self.finishing.fence

    def params(self) -> dict[str, object]:
        """As the lane queries name them."""
        return {
            **self.finishing.params(),
            "next_call_id": self.call_id,
            "next_held_micro_usd": self.held_micro_usd,
            "next_input_tokens": self.input_tokens,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """A lane whose item has ended.

    Attributes:
        row: the lane's, as `lane_finish` returns it.
        claim: of its next item; None where that goes by a message, or there is none.
    """

    row: Row
    claim: LaneClaim | None


def lane_go_on(one: GoingOn, *, takes_unread: bool = True) -> Statement[Moved | None]:
    """End the item as `lane_finish` does, and claim the lane's next one; None for a stale attempt.

    Raises (when it runs):
        psycopg.Error: also where the next call may not begin for a budget, of which
            `runs.engine.refusals` knows. Nothing was done.
    """
    return _go_on(takes_unread=takes_unread).one(one)


def lanes_go_on(
    group: Sequence[GoingOn], *, takes_unread: bool = True
) -> Statement[list[Moved | None]]:
    """As `lane_go_on`, for each of a group of items of one kind."""
    return _go_on(takes_unread=takes_unread).group(group)


def _go_on(*, takes_unread: bool) -> LaneStatement[GoingOn, Moved | None]:
    return LaneStatement(
        name="lane_go_on",
        by_kind=True,
        read=_moved,
        shared={**finish_shared(takes_unread=takes_unread), **CLAIM_SHARED},
        patience_s=PATIENCE_S,
    )


def _moved(going_on: GoingOn, row: Row | None) -> Moved | None:
    if row is None:
        return None
    if row["state"] != LaneState.RUNNING:
        return Moved(row=row, claim=None)
    fence = Fence(
        lane_id=row["lane_id"],
        fencing_token=row["fencing_token"],
        item_id=row["item_id"],
        kind=going_on.fence.kind,
    )
    return Moved(row=row, claim=claim_of(fence, going_on.call_id, row))
