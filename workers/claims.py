"""A claimed item: all that its attempt needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from batchgen.db.ids import new_id
from content.stories.kind import read_input
from content.stories.values import GenerationInput
from runs.engine.lanes import Fence, lane_claim
from runs.states import RunStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneClaim:
    """An item that one lane, and one attempt, has.

    Attributes:
        fence: fences every statement of the attempt.
        call_id: of the first call, whose intent the claim wrote.
        attempt: counts this one.
        rate_limit_streak: rate limits in a row that the lane met before.
        answers: to requests of earlier attempts, as they were kept, by their key.
        prompt_revision: of the epic, as it was read; None counts as unchanged.
    """

    fence: Fence
    call_id: UUID
    run_id: UUID
    run_status: RunStatus
    code: str
    attempt: int
    delay_ms: int
    max_retries: int
    retry_wait_ms: int
    rate_limit_streak: int
    prompt_revision: int | None
    answers: Mapping[str, Mapping[str, str]]
    input: GenerationInput

    @property
    def item_id(self) -> UUID:
        """The item's own id."""
        return self.fence.item_id

    @classmethod
    def of(cls, fence: Fence, call_id: UUID, row: dict[str, Any]) -> "LaneClaim":
        """From the claim's row."""
        return cls(
            fence=fence,
            call_id=call_id,
            run_id=row["run_id"],
            run_status=RunStatus(row["run_status"]),
            code=row["code"],
            attempt=row["attempt"],
            delay_ms=row["delay_ms"],
            max_retries=row["max_retries"],
            retry_wait_ms=row["retry_wait_ms"],
            rate_limit_streak=row["rate_limit_streak"],
            prompt_revision=row["prompt_revision"],
            answers={kept["key"]: kept for kept in row["responses"] or ()},
            input=read_input(row, item_id=str(fence.item_id)),
        )


def claim_item(*, fence: Fence, worker_id: UUID) -> LaneClaim | None:
    """Claim the fence's item; None when its message is late, doubled, or the run stands still.

    Raises:
        psycopg.Error: PostgreSQL is away.
    """
    call_id = new_id()
    row = lane_claim(fence=fence, worker_id=worker_id, call_id=call_id)
    return None if row is None else LaneClaim.of(fence, call_id, row)
