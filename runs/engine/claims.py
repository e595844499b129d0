"""Claims: an item in the hands of one lane and one attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from batchgen.db.sql import Row, Statement
from runs.engine.groups import LaneStatement
from runs.engine.lanes import Fence
from runs.states import ItemStage, RunStatus

#: Values that all claims have.
CLAIM_SHARED = {"stage": ItemStage.VALIDATION.value, "started_message": "Starting"}
_COLUMNS = frozenset(
    (
        *("run_id", "target_id", "run_status", "code", "attempt", "model", "max_tokens"),
        *("delay_ms", "max_retries", "retry_wait_ms", "rate_limit_streak", "options"),
        *("prompt_set_id", "input"),
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneClaim:
    """An item that one lane, and one attempt, has: all that the attempt needs to know.

    Attributes:
        fence: fences every statement of the attempt.
        call_id: of the first call, whose intent the claim wrote; None where the kind makes none.
        attempt: counts this one.
        rate_limit_streak: rate limits in a row that the lane met before.
        target_id: None where the target is gone.
        options: the run's, of the item's kind.
        prompt_set_id: the run's version of edited prompts; None where it goes by the files.
        input: what the kind loaded; None where the target is gone.
        answers: to requests of earlier attempts, as they were kept, by their key.
    """

    fence: Fence
    call_id: UUID | None
    run_id: UUID
    target_id: UUID | None
    run_status: RunStatus
    code: str
    attempt: int
    model: str
    max_tokens: int
    delay_ms: int
    max_retries: int
    retry_wait_ms: int
    rate_limit_streak: int
    options: Mapping[str, Any]
    prompt_set_id: UUID | None
    input: Mapping[str, Any] | None
    answers: Mapping[str, Mapping[str, str]]

    @property
    def item_id(self) -> UUID:
        """The item's own id."""
        return self.fence.item_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Claiming:
    """A message that has come, and whose first call may begin.

    Attributes:
        call_id: of the call whose intent is to be written; None where the item's kind makes none.
        held_micro_usd: the most that the call can cost; None where its model has no price.
    """

    fence: Fence
    call_id: UUID | None
    held_micro_usd: int | None = None

    def params(self) -> dict[str, object]:
        """As the lane queries name them."""
        return {
            **self.fence.params(),
            "call_id": self.call_id,
            "held_micro_usd": self.held_micro_usd,
        }


def lane_claim(one: Claiming, *, worker_id: UUID) -> Statement[LaneClaim | None]:
    """Claim the fence's item and write the call's intent; None when its message is late, doubled,
    or the run stands still."""
    return _claiming(worker_id).one(one)


def lanes_claim(group: Sequence[Claiming], *, worker_id: UUID) -> Statement[list[LaneClaim | None]]:
    """As `lane_claim`, for each of a group of items of one kind."""
    return _claiming(worker_id).group(group)


def _claiming(worker_id: UUID) -> LaneStatement[Claiming, LaneClaim | None]:
    return LaneStatement(
        name="lane_claim",
        by_kind=True,
        read=_claim,
        shared={**CLAIM_SHARED, "worker_id": worker_id},
    )


def claim_of(fence: Fence, call_id: UUID | None, row: Row) -> LaneClaim:
    """The claim that a row tells of."""
    told = {name: row[name] for name in _COLUMNS}
    told["run_status"] = RunStatus(row["run_status"])
    answers = {kept["key"]: kept for kept in row["responses"] or ()}
    return LaneClaim(fence=fence, call_id=call_id, answers=answers, **told)


def _claim(claiming: Claiming, row: Row | None) -> LaneClaim | None:
    return claim_of(claiming.fence, claiming.call_id, row) if row else None
