"""One message batch: its times, what becomes of its requests, and how it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from simulator.clock import rfc3339

EXPIRES_AFTER_S = 24 * 3600.0
ARCHIVED_AFTER_S = 29 * 24 * 3600.0
OUTCOMES = ("succeeded", "errored", "canceled", "expired")


@dataclass(kw_only=True, slots=True, eq=False)
class Batch:
    """A batch from its creation on. Its requests are in the store, not here.

    Args:
        number: of its creation; the store's key.
        ends_after_s: None for one that only a cancellation or its expiry ends.
        done: of a batch that never ends, the share of its requests that are done at once.
        hidden_until_s: neither the list nor its address know it before.
    """

    id: str
    number: int
    version: str
    size: int
    created_s: float
    ends_after_s: float | None
    done: float = 0.0
    hidden_until_s: float = 0.0
    cancel_s: float | None = None
    cancel_ends_s: float = inf
    ended_s: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def expires_s(self) -> float:
        """When it ends whatever is left."""
        return self.created_s + EXPIRES_AFTER_S

    @property
    def archived_s(self) -> float:
        """From when on its results are gone."""
        return self.created_s + ARCHIVED_AFTER_S

    @property
    def natural_end_s(self) -> float:
        """When all of it is done, left alone."""
        return inf if self.ends_after_s is None else self.created_s + self.ends_after_s

    @property
    def due_s(self) -> float:
        """When it ends, as things are now."""
        return min(self.natural_end_s, self.cancel_ends_s, self.expires_s)

    @property
    def status(self) -> str:
        """The provider's `processing_status`."""
        if self.ended_s is not None:
            return "ended"
        return "in_progress" if self.cancel_s is None else "canceling"

    def done_s(self, rank: int) -> float:
        """When the request that is done as number `rank` (from 0) is done: evenly over the time."""
        return self.created_s + (self.ends_after_s or 0.0) * (rank + 1) / self.size

    def split(self, in_flight: int) -> tuple[int, str]:
        """How many requests are done when it ends, and what becomes of the others.

        Args:
            in_flight: how many a cancellation does not interrupt any more.
        """
        if self.cancel_s is not None and self.cancel_s < self.expires_s:
            return min(self.size, self._done_by(self.cancel_s) + in_flight), "canceled"
        return self._done_by(self.expires_s), "expired"

    def shown(self, *, now_s: float, results_url: str) -> dict[str, Any]:
        """The `message_batch` object. Its counts say nothing before it has ended."""
        ended = self.ended_s is not None
        archived = ended and now_s >= self.archived_s
        counts = self.counts if ended else {}
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": self.status,
            "request_counts": {
                "processing": 0 if ended else self.size,
                **{outcome: counts.get(outcome, 0) for outcome in OUTCOMES},
            },
            "ended_at": rfc3339(self.ended_s),
            "created_at": rfc3339(self.created_s),
            "expires_at": rfc3339(self.expires_s),
            "archived_at": rfc3339(self.archived_s) if archived else None,
            "cancel_initiated_at": rfc3339(self.cancel_s),
            "results_url": results_url if ended and not archived else None,
        }

    def _done_by(self, at_s: float) -> int:
        if at_s >= self.natural_end_s:
            return self.size
        share = (at_s - self.created_s) / self.ends_after_s if self.ends_after_s else self.done
        return int(self.size * share)
