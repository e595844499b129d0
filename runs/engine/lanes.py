"""Lanes: how items are handed out, finished, given back and taken back.

Every function here is one transaction. `(lane_id, fencing_token)` is the fence that it names: where
the lane has moved on, nothing happens and the answer says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from psycopg.types.json import Jsonb

from batchgen.db.ids import new_id
from runs.engine.dispatch import Link
from runs.engine.queries import QUERIES, statement_for
from runs.states import CallOutcome, ItemStage, ItemStatus

#: A worker that missed so many heartbeats, and was started again, is not the one that runs.
_BEATS_MISSED = 2
#: What a call brought is paid for: where PostgreSQL is away, its worker waits so long to store it.
#: Nobody loses a lease meanwhile.
_PATIENCE_S = 600.0
#: A message that is read by a worker with a free slot is read sooner than that, in seconds.
_UNREAD_S = 1.0
#: Lanes of a run whose messages wait for a worker at the same time, so that the broker, and whoever
#: looks into it, stays quick. A round of the reconciler refills it, several times a second.
MOST_SENT = 500
#: Lanes that one statement puts to rest: whoever pauses a run waits for it.
_MOST_RESTED = 500
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
class Spend:
    """What one provider call used and cost; None where the provider did not say."""

    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cache_read_tokens: int | None = 0
    cache_write_tokens: int | None = 0
    cost_usd: Decimal | None = Decimal(0)
    #: 1 for a call whose usage is unknown: totals count these beside what they add up.
    unknown_calls: int = 0
    request_id: str = ""

    @classmethod
    def unknown(cls, *, request_id: str) -> "Spend":
        """Of an answer without a usage."""
        return cls(
            input_tokens=None,
            output_tokens=None,
            cache_read_tokens=None,
            cache_write_tokens=None,
            cost_usd=None,
            unknown_calls=1,
            request_id=request_id,
        )

    def params(self) -> dict[str, object]:
        """As the lane queries name them."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How an attempt ended an epic."""

    status: ItemStatus
    message: str
    stage: str = ItemStage.STORAGE
    stage_ms: Mapping[str, int] = field(default_factory=dict)
    skipped_stages: Sequence[str] = ()
    notes: Sequence[str] = ()
    error_code: str = ""
    error: str = ""
    call_outcome: CallOutcome = CallOutcome.ANSWERED
    possibly_billed: bool = False
    #: Of a completed item, as its kind's `store_sql` takes it; JSON.
    result: Any = None


def lane_park(*, fence: Fence, reason: str, wait_s: float) -> bool:
    """Let a lane that was sent wait outside of the worker; False when its message is late."""
    params = {
        "lane_id": fence.lane_id,
        "fencing_token": fence.fencing_token,
        "reason": reason,
        "wait_s": float(wait_s),
    }
    return bool(QUERIES.fetch("lane_park", params))


def lane_finish(
    *, fence: Fence, call_id: UUID | None, outcome: Outcome, spend: Spend, park_s: float
) -> dict[str, Any] | None:
    """End the item, store what it made, move the lane on; the lane's new row, or None for a stale
    attempt.

    Args:
        call_id: of the attempt's last call; None where its kind makes none.
        park_s: how long the lane waits before its next item; 0 sends it at once.
    """
    level = "error" if outcome.status == ItemStatus.FAILED else "info"
    rows = QUERIES.fetch(
        statement_for(fence.kind, "lane_finish"),
        {
            **fence.params(),
            **spend.params(),
            "call_id": call_id,
            "status": outcome.status.value,
            "stage": outcome.stage,
            "result": Jsonb(outcome.result),
            "gone_note": _GONE_NOTE,
            "stage_ms": Jsonb(dict(outcome.stage_ms)),
            "skipped_stages": Jsonb(outcome.skipped_stages),
            "notes": Jsonb(outcome.notes),
            "error_code": outcome.error_code,
            "error": outcome.error,
            "outcome": outcome.call_outcome.value,
            "call_error_code": outcome.error_code
            if outcome.call_outcome == CallOutcome.FAILED
            else "",
            "possibly_billed": outcome.possibly_billed,
            "level": level,
            "message": outcome.message,
            "park_s": float(park_s),
            "last_chance": _last_chance(),
            "unread_s": _UNREAD_S,
        },
        patience_s=_PATIENCE_S,
    )
    return rows[0] if rows else None


def lane_give_back(
    *,
    fence: Fence,
    call_id: UUID | None,
    reason: str,
    message: str,
    wait_s: float,
    refund: bool,
    error_code: str = "",
    request_id: str = "",
    possibly_billed: bool = False,
    rate_limit_streak: bool = False,
) -> bool:
    """Put the item back to PENDING and park its lane for `wait_s`; False for a stale attempt.

    Args:
        reason: why it waits, as in `Lane.wait_reason`.
        refund: the attempt is not counted.
        rate_limit_streak: it was a rate-limit error, which slows the lane's pacing.
    """
    rows = QUERIES.fetch(
        "lane_give_back",
        {
            **fence.params(),
            "call_id": call_id,
            "reason": reason,
            "message": message,
            "wait_s": float(wait_s),
            "refund": int(refund),
            # A wait for a permit, or for a closed gate, is no fault of the item.
            "lower": int(not refund),
            "rate_limit_streak": int(rate_limit_streak),
            "error_code": error_code,
            "request_id": request_id,
            "possibly_billed": possibly_billed,
        },
        patience_s=_PATIENCE_S,
    )
    return bool(rows)


def call_next(
    *,
    fence: Fence,
    call_id: UUID | None,
    spend: Spend,
    response: Mapping[str, str],
    purpose: str,
    model: str,
) -> UUID | None:
    """End a call and begin the attempt's next one; its id, or None where it may not start."""
    next_call_id = new_id()
    (row,) = QUERIES.fetch(
        "call_next",
        {
            **fence.params(),
            **spend.params(),
            "call_id": call_id,
            "next_call_id": next_call_id,
            "response": Jsonb(response),
            "purpose": purpose,
            "model": model,
        },
        patience_s=_PATIENCE_S,
    )
    return next_call_id if row["begun"] else None


def call_book(
    *,
    lane_id: int,
    call_id: UUID | None,
    spend: Spend,
    response: Mapping[str, str] | None = None,
) -> None:
    """Book what an attempt spent that was overtaken, or given up after an answer.

    Args:
        response: the answer, where a later attempt is to have it.
    """
    params = {
        **spend.params(),
        "lane_id": lane_id,
        "call_id": call_id,
        "response": None if response is None else Jsonb(response),
    }
    QUERIES.fetch("call_book", params, patience_s=_PATIENCE_S)


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


def lanes_rest(*, run_id: UUID) -> list[dict[str, Any]]:
    """Idle the waiting lanes that may not go on: of a run that stands still all, else those beyond
    its limit; at most _MOST_RESTED of them. Their ids and fencing tokens of before, and whether a
    message of theirs was `sent`."""
    return QUERIES.fetch("lanes_rest", {"run_id": run_id, "most": _MOST_RESTED})


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
