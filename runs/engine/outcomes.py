"""How an attempt ended, and what its call used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from runs.states import CallOutcome, ItemStage, ItemStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Spend:
    """What one provider call used and cost; None where the provider did not say."""

    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cache_read_tokens: int | None = 0
    cache_write_tokens: int | None = 0
    #: Of those written, what is kept for an hour.
    cache_write_1h_tokens: int | None = 0
    #: None, too, where the model has no price.
    cost_usd: Decimal | None = Decimal(0)
    #: The day by whose prices it was computed.
    price_date: date | None = None
    #: 1 for a call whose usage is unknown: totals count these beside what they add up.
    unknown_calls: int = 0
    request_id: str = ""
    #: What was asked: `content.pipeline.Request.asked`, and the bytes of its texts.
    alike: str = ""
    prompt_bytes: int = 0

    @classmethod
    def unknown(cls, *, request_id: str) -> "Spend":
        """Of an answer without a usage."""
        return cls(
            input_tokens=None,
            output_tokens=None,
            cache_read_tokens=None,
            cache_write_tokens=None,
            cache_write_1h_tokens=None,
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
