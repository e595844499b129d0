"""Lanes: how items are handed out, finished, given back and taken back.

Every function here is one transaction. `(lane_id, fencing_token)` is the fence that it names: where
the lane has moved on, nothing happens and the answer says so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from psycopg.types.json import Jsonb

from batchgen.db.sql import Row, Statement
from runs.engine.dispatch import Link
from runs.engine.groups import LaneStatement
from runs.engine.outcomes import Outcome, Spend
from runs.engine.queries import QUERIES
from runs.states import CallOutcome, ItemStatus

#: A worker that missed so many heartbeats, and was started again, is not the one that runs.
_BEATS_MISSED = 2
#: Where PostgreSQL is away, so long to store what was paid for. Nobody loses a lease meanwhile.
PATIENCE_S = 600.0
#: A message that is read by a worker with a free slot is read sooner than that, in seconds.
_UNREAD_S = 1.0
#: Lanes of a run whose messages wait for a worker at the same time, so that the broker, and whoever
#: looks into it, stays quick. A round of the reconciler refills it, several times a second.
MOST_SENT = 500
#: Lanes that one statement of the reconciler's puts to rest.
MOST_RESTED = 500
_POISON_MESSAGE = (
    "Given up: the worker died each of the last times this item was generated. "
    "Look at the worker's log for what its data do to it, then retry."
)
_GONE_NOTE = "nothing is stored, because its target was deleted meanwhile"
_LOST_MESSAGE = "Its worker is gone; the item goes to another one."


@dataclass(frozen=True, kw_only=True, slots=True)
class Fence:
    """A claimed lane: what an attempt must name to change anything."""

    lane_id: int
    fencing_token: int
    item_id: UUID
    #: Of what content the item is.
    kind: str

    def params(self) -> dict[str, object]:
        """As the lane queries name them. (`asdict` copies deeply, at ten times the cost.)"""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finishing:
    """The end of an item.

    Attributes:
        call_id: of the attempt's last call; None where its kind makes none.
        spend: of that call.
        park_s: how long the lane waits before its next item; 0 sends it at once.
    """

    fence: Fence
    call_id: UUID | None
    outcome: Outcome
    spend: Spend
    park_s: float

    def params(self) -> dict[str, object]:
        """As the lane queries name them."""
        outcome = self.outcome
        call_failed = outcome.call_outcome == CallOutcome.FAILED
        return {
            **self.fence.params(),
            **self.spend.params(),
            "call_id": self.call_id,
            "status": outcome.status.value,
            "stage": outcome.stage,
            "result": Jsonb(outcome.result),
            "stage_ms": Jsonb(dict(outcome.stage_ms)),
            "skipped_stages": Jsonb(outcome.skipped_stages),
            "notes": Jsonb(outcome.notes),
            "error_code": outcome.error_code,
            "error": outcome.error,
            "outcome": outcome.call_outcome.value,
            "call_error_code": outcome.error_code if call_failed else "",
            "possibly_billed": outcome.possibly_billed,
            "level": "error" if outcome.status == ItemStatus.FAILED else "info",
            "message": outcome.message,
            "park_s": float(self.park_s),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class GivingBack:
    """An item that goes back to PENDING, without an outcome.

    Attributes:
        call_id: of the call that failed; None where there is none.
        reason: why it waits, as in `Lane.wait_reason`.
        wait_s: how long its lane is parked.
        refund: the attempt is not counted.
        rate_limit_streak: it was a rate-limit error, which slows the lane's pacing.
        call_outcome: FAILED, or NOT_MADE where the call never began.
    """

    fence: Fence
    call_id: UUID | None
    reason: str
    message: str
    wait_s: float
    refund: bool
    error_code: str = ""
    request_id: str = ""
    possibly_billed: bool = False
    rate_limit_streak: bool = False
    call_outcome: CallOutcome = CallOutcome.FAILED

    def params(self) -> dict[str, object]:
        """As the lane queries name them."""
        return {
            **self.fence.params(),
            "call_id": self.call_id,
            "reason": self.reason,
            "message": self.message,
            "wait_s": float(self.wait_s),
            "refund": int(self.refund),
            # A wait for a permit, or for a closed gate, is no fault of the item.
            "lower": int(not self.refund),
            "rate_limit_streak": int(self.rate_limit_streak),
            "outcome": self.call_outcome.value,
            "error_code": self.error_code,
            "request_id": self.request_id,
            "possibly_billed": self.possibly_billed,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Parking:
    """A lane that was sent and is to wait outside of the worker, for a reason as in
    `Lane.wait_reason`."""

    fence: Fence
    reason: str
    wait_s: float

    def params(self) -> dict[str, object]:
        """As the lane queries name them."""
        return {**self.fence.params(), "reason": self.reason, "wait_s": float(self.wait_s)}


def lane_finish(one: Finishing, *, takes_unread: bool = True) -> Statement[Row | None]:
    """End the item, store what it made, move the lane on; the lane's new row, or None for a stale
    attempt.

    Args:
        takes_unread: where no item is free, the lane takes one whose message nobody reads. To find
            it, all lanes of the run are looked at.
    """
    return _finish(takes_unread=takes_unread).one(one)


def lanes_finish(
    group: Sequence[Finishing], *, takes_unread: bool = True
) -> Statement[list[Row | None]]:
    """As `lane_finish`, for each of a group of items of one kind."""
    return _finish(takes_unread=takes_unread).group(group)


def lane_give_back(one: GivingBack) -> Statement[bool]:
    """Put the item back to PENDING and park its lane; False for a stale attempt."""
    return _GIVE_BACK.one(one)


def lanes_give_back(group: Sequence[GivingBack]) -> Statement[list[bool]]:
    """As `lane_give_back`, for each of a group of items."""
    return _GIVE_BACK.group(group)


def lane_park(one: Parking) -> Statement[bool]:
    """Let a lane that was sent wait outside of the worker; False when its message is late."""
    return _PARK.one(one)


def lanes_park(group: Sequence[Parking]) -> Statement[list[bool]]:
    """As `lane_park`, for each of a group of lanes."""
    return _PARK.group(group)


def _finish(*, takes_unread: bool) -> LaneStatement[Finishing, Row | None]:
    return LaneStatement(
        name="lane_finish",
        by_kind=True,
        read=lambda _, row: row,
        shared=finish_shared(takes_unread=takes_unread),
        patience_s=PATIENCE_S,
    )


def finish_shared(*, takes_unread: bool) -> dict[str, object]:
    """Values that all finishes have; see `lane_finish`."""
    return {
        "gone_note": _GONE_NOTE,
        "last_chance": _last_chance(),
        "unread_s": _UNREAD_S,
        "takes_unread": takes_unread,
    }


def _is_done(_: object, row: Row | None) -> bool:
    return row is not None


_GIVE_BACK: LaneStatement[GivingBack, bool] = LaneStatement(
    name="lane_give_back", by_kind=False, read=_is_done, shared={}, patience_s=PATIENCE_S
)
_PARK: LaneStatement[Parking, bool] = LaneStatement(
    name="lane_park", by_kind=False, read=_is_done, shared={}
)


def lanes_dispatch(*, run_id: UUID, lost_lane_ids: Iterable[int] = ()) -> list[Link]:
    """Give the run's free lanes their next epics; the messages to send."""
    params = {
        "run_id": run_id,
        "lost_lane_ids": list(lost_lane_ids),
        "last_chance": _last_chance(),
        "most_sent": MOST_SENT,
    }
    return [Link.of(row) for row in QUERIES.fetch("lanes_dispatch", params)]


def _last_chance() -> int:
    """Crashes after which an epic's next one is its last; those epics go out one at a time."""
    return max(1, settings.MAX_CRASHES - 1)


def lanes_rest(*, run_id: UUID, most: int = MOST_RESTED) -> list[dict[str, Any]]:
    """Idle the waiting lanes that may not go on: of a run that stands still all, else those beyond
    its limit; at most so many of them. Their ids and fencing tokens of before, and whether a
    message of theirs was `sent`."""
    return QUERIES.fetch("lanes_rest", {"run_id": run_id, "most": most})


def lanes_reclaim(*, orphans: Iterable[str] = (), judge: bool = True) -> list[dict[str, Any]]:
    """Take epics back from workers that are gone; a row for each lane.

    Args:
        orphans: `lane.fencing_token` of claims that the calling worker holds in PostgreSQL and does
            not run.
        judge: a lease that ran out means that its worker is dead.
    """
    return QUERIES.fetch(
        "lanes_reclaim",
        {
            "orphans": list(orphans),
            "judge": judge,
            "max_crashes": settings.MAX_CRASHES,
            "lease_s": float(settings.WORKER_LEASE_S),
            "silent_s": _BEATS_MISSED * settings.HEARTBEAT_S,
            "poison_message": _POISON_MESSAGE,
            "lost_message": _LOST_MESSAGE,
        },
    )
