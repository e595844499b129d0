"""Earlier calls, as quotes learn from them. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from content.pipeline import asked_before

#: Calls that ask again, for what a first one should have brought.
AGAIN = ("repair", "enlarge")


@dataclass(frozen=True, kw_only=True, slots=True)
class PastCall:
    """An answered call of a completed item."""

    run_id: UUID
    item_id: UUID
    #: Of its item: seconds from the claim to the end, and when and in which lane it began; and the
    #: pacing's delay behind it.
    item_s: float
    began_s: float
    lane_id: int
    delay_s: float
    same_prompts: bool
    #: Not by one of the provider's batches, whose times are not those of calls.
    realtime: bool
    purpose: str
    alike: str
    #: 0 where it was not kept.
    prompt_bytes: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    call_s: float

    #: As `content.pipeline.Request` has it.
    part: float = 1.0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "PastCall":
        """As SQL has it."""
        alike, part = asked_before(row["alike"])
        return cls(**{**row, "alike": alike, "part": part})

    @property
    def whole(self) -> float:
        """Its answer's tokens, as if all had been asked for."""
        return self.output_tokens / self.part

    @property
    def again(self) -> bool:
        return self.purpose in AGAIN

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def cached(self) -> bool:
        """The provider read or wrote its beginning."""
        return self.cache_read_tokens > 0 or self.cache_write_tokens > 0


def by_run(calls: Iterable[PastCall]) -> list[list[PastCall]]:
    """Those of each run."""
    runs: dict[UUID, list[PastCall]] = defaultdict(list)
    for call in calls:
        runs[call.run_id].append(call)
    return list(runs.values())
