"""Many requests handed in at once, for half the price and within a day: the seam and its values."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from providers.errors import ProviderError
from providers.values import Completion, CompletionRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchRequest:
    """One call of a batch, and the id by which its result is told: 1 to 64 of A-Z a-z 0-9 _ -"""

    custom_id: str
    request: CompletionRequest


class BatchStatus(StrEnum):
    """How far the provider is; a word that is new to us counts as in progress until it ended."""

    IN_PROGRESS = "in_progress"
    CANCELING = "canceling"
    ENDED = "ended"


class Outcome(StrEnum):
    """What became of one call of a batch; all but the first are unbilled."""

    SUCCEEDED = "succeeded"
    ERRORED = "errored"
    CANCELED = "canceled"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchCounts:
    """Calls of a batch by what became of them; until it has ended all of them are processing."""

    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0

    @property
    def total(self) -> int:
        """All calls of the batch."""
        return self.processing + self.succeeded + self.errored + self.canceled + self.expired


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchState:
    """A batch as the provider tells of it; a time that it does not tell is None."""

    provider_id: str
    status: BatchStatus
    counts: BatchCounts
    created_at: datetime | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    results_url: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchResult:
    """What became of one call.

    SUCCEEDED has a completion, whose model is "" where the provider did not name it; ERRORED has
    an error, which says whether the call may be billed all the same (an answer that cannot be
    read is); CANCELED and EXPIRED have neither.
    """

    custom_id: str
    outcome: Outcome
    completion: Completion | None = None
    error: ProviderError | None = None


class Batches(Protocol):
    """A provider's batches. All of it raises ProviderError, and CallAborted once it is closed."""

    async def create(self, requests: Sequence[BatchRequest]) -> BatchState:
        """Hand in a batch, once: nothing here tries again.

        Raises:
            ProviderError: there is no batch, unless the error is `possibly_billed`: then there may
                be one all the same, which only `newest` can tell. So it is with a CallAborted.
            RequestTooLarge: one of those that leave no batch; half of the requests may fit.
        """

    async def newest(self, *, limit: int = 100, before: str | None = None) -> list[BatchState]:
        """One page of the account's batches, whoever made them, newest first; [] after the last.

        Args:
            limit: how many at most, 1 to 1,000.
            before: an id; only those that are older than it.
        """

    async def get(self, provider_id: str) -> BatchState:
        """One batch.

        Raises:
            BatchNotFound: soon after it was created, this passes.
        """

    async def cancel(self, provider_id: str) -> BatchState:
        """Ask that no further call of it begins: it ends later, and what is under way may succeed.

        Raises:
            BatchNotFound: as for `get`.
        """

    def results(self, state: BatchState) -> AsyncGenerator[BatchResult, None]:
        """What became of the calls of a batch that has ended, in any order, as it arrives.

        A line that cannot be read is an error of its call, or is left out where it names none.
        Whoever reads notices which calls had no line, passes over those that it has already, and
        closes the generator (`contextlib.aclosing`) where it stops before the end.

        Raises:
            BatchResultsCut: the rest did not arrive; to be read again, from the beginning.
            BatchNotFound: right after its end, this passes.
        """
