"""Claims: an item in the hands of one lane and one attempt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from batchgen.db.sql import Row
from runs.engine.lanes import Fence
from runs.engine.queries import QUERIES, statement_for
from runs.states import ItemStage, RunStatus

_STARTED_MESSAGE = "Starting"


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


def lane_claim(*, fence: Fence, worker_id: UUID, call_id: UUID | None) -> LaneClaim | None:
    """Claim the fence's item and write the call's intent; None when its message is late, doubled,
    or the run stands still.

    Args:
        call_id: None where the item's kind makes no calls; then no intent is written.

    Raises:
        psycopg.Error: PostgreSQL is away.
    """
    rows = QUERIES.fetch(
        statement_for(fence.kind, "lane_claim"),
        {
            **fence.params(),
            "worker_id": worker_id,
            "call_id": call_id,
            "stage": ItemStage.VALIDATION.value,
            "started_message": _STARTED_MESSAGE,
        },
    )
    return _claim(fence, call_id, rows[0]) if rows else None


def _claim(fence: Fence, call_id: UUID | None, row: Row) -> LaneClaim:
    answers = {kept["key"]: kept for kept in row.pop("responses") or ()}
    row["run_status"] = RunStatus(row["run_status"])
    return LaneClaim(fence=fence, call_id=call_id, answers=answers, **row)
