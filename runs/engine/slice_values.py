"""What is told of slices and their requests: values of the statements in `runs.engine.batches`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from runs.engine.outcomes import Spend
from runs.states import BatchState, CallOutcome

#: `batch_collect` says what each means.
Fate = Literal["answered", "again", "leave", "fail"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceRequest:
    """One item's first request, as its call is to know it."""

    item_id: UUID
    call_id: UUID
    request_key: str
    request_digest: str
    purpose: str
    #: The most that it can cost; None where nobody knows.
    held_micro_usd: int | None
    #: As ProviderCall has them.
    alike: str
    prompt_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What the provider says of a slice."""

    id: UUID
    state: BatchState
    processing: int
    succeeded: int
    errored: int
    canceled: int
    expired: int
    created_at: datetime | None
    expires_at: datetime | None
    ended_at: datetime | None
    results_url: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """The outcome of one request of a slice.

    Attributes:
        fate: what it leads to, for an item that is out in the slice still.
        counts: the item's attempt counts.
    """

    call_id: UUID
    fate: Fate
    outcome: CallOutcome
    spend: Spend
    text: str = ""
    stop_reason: str = ""
    error_code: str = ""
    error: str = ""
    possibly_billed: bool = False
    counts: bool = False

    def given(self) -> dict[str, object]:
        """As `batch_collect` names it."""
        return {
            **self.spend.params(),
            "call_id": str(self.call_id),
            "fate": self.fate,
            "outcome": self.outcome.value,
            "text": self.text,
            "stop_reason": self.stop_reason,
            "error_code": self.error_code,
            "error": self.error,
            "possibly_billed": self.possibly_billed,
            "spent": int(self.counts),
        }
