"""A run's quote beside its bill. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

_MICRO = Decimal(1_000_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class CostRange:
    """Dollars."""

    low: Decimal
    expected: Decimal
    high: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """What a run that is over cost and took."""

    cost_usd: Decimal
    duration_ms: int
    #: The cost is between low and high; None where the quote had none.
    within_range: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunQuote:
    """What a run's starter was told of its lane; `bill` is None until it is over."""

    id: UUID
    lane: str
    calibrated: bool
    cost: CostRange | None
    p50_ms: int
    p90_ms: int
    bill: Bill | None = None

    @property
    def duration(self) -> dict[str, int]:
        return {"p50": self.p50_ms, "p90": self.p90_ms}


def run_quote(
    quote_id: UUID,
    answer: Mapping[str, Any],
    *,
    lane: str,
    cost_usd: Decimal,
    duration_ms: int | None,
) -> RunQuote | None:
    """Of a run that began with this quote; None where that does not have its lane.

    Args:
        duration_ms: None until it is over.
    """
    told = next((each for each in answer["lanes"] if each["lane"] == lane), None)
    if told is None:
        return None
    cost = cost_range(told["costMicroUsd"])
    bill = None
    if duration_ms is not None:
        within = None if cost is None else cost.low <= cost_usd <= cost.high
        bill = Bill(cost_usd=cost_usd, duration_ms=duration_ms, within_range=within)
    return RunQuote(
        id=quote_id,
        lane=lane,
        calibrated=answer["calibrated"],
        cost=cost,
        p50_ms=told["durationMs"]["p50"],
        p90_ms=told["durationMs"]["p90"],
        bill=bill,
    )


def cost_range(micro_usd: Mapping[str, int] | None) -> CostRange | None:
    """Dollars for micro-dollars."""
    if micro_usd is None:
        return None
    return CostRange(**{name: Decimal(amount) / _MICRO for name, amount in micro_usd.items()})


def bill_line(quote: RunQuote, bill: Bill) -> str:
    """For people, at a run's end: `Quoted $0.0412 ($0.0380 to $0.0450), billed $0.0409. …`."""
    cost = quote.cost
    told = (
        "Quoted without a price"
        if cost is None
        else f"Quoted ${cost.expected:.4f} (${cost.low:.4f} to ${cost.high:.4f})"
    )
    p50_s, p90_s, taken_s = (ms / 1000 for ms in (quote.p50_ms, quote.p90_ms, bill.duration_ms))
    return (
        f"{told}, billed ${bill.cost_usd:.4f}. Quoted {p50_s:,.1f} s ({p90_s:,.1f} s at most in 9 "
        f"of 10 runs), took {taken_s:,.1f} s."
    )
