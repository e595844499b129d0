"""Whether the ledger adds up, and what a provider's own books say of calls in doubt."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from batchgen.db.clock import database_now
from batchgen.db.sql import Row
from batchgen.micro_usd import usd_of
from providers.prices import cost_micro_usd
from providers.values import Usage
from runs.engine.outcomes import Spend
from runs.engine.queries import QUERIES
from runs.states import CallLane

_TOKENS = (
    *("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"),
    "output_tokens",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Took:
    """What one billed call took, and by what way it went."""

    lane: str
    usage: Usage


#: What a provider's books say of the calls with a marker, in their order.
BilledLines = Callable[[str], Iterable[Took]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciled:
    """What became of the calls in doubt: so many were billed, and so many were not."""

    billed: int = 0
    unbilled: int = 0


def ledger_drift() -> list[Row]:
    """What does not add up: `{what, id, figure, counted, lines}`, amounts in micro-dollars."""
    return QUERIES.fetch("ledger_drift", {})


def runs_adrift() -> int:
    """How many runs of the last hour do not add up; to be asked again and again."""
    (found,) = QUERIES.fetch("runs_adrift", {})
    return int(found["runs"])


def calls_reconcile(*, provider: str, billed_lines: BilledLines) -> Reconciled:
    """Settle the calls that were possibly billed, by the books of the provider that answered
    them. What its books have of an item, and no billed call of ours, was a call in doubt.

    Args:
        billed_lines: by a call's marker, which is its item's id.
    """
    doubts: dict[UUID, list[Row]] = defaultdict(list)
    for call in QUERIES.fetch("calls_in_doubt", {"provider": provider}):
        doubts[call["item_id"]].append(call)
    known: dict[UUID, list[Took]] = defaultdict(list)
    for call in QUERIES.fetch("calls_billed", {"item_ids": list(doubts)}):
        known[call["item_id"]].append(took_of(call["lane"], call))
    billed = unbilled = 0
    for item_id, calls in doubts.items():
        left = Counter(billed_lines(str(item_id))) - Counter(known[item_id])
        for call in calls:
            took = next((took for took in left.elements() if took.lane == call["lane"]), None)
            left.subtract([took] if took else [])
            _settle(call, took)
            billed, unbilled = billed + (took is not None), unbilled + (took is None)
    return Reconciled(billed=billed, unbilled=unbilled)


def took_of(lane: str, counts: Mapping[str, Any]) -> Took:
    """From a mapping with the token counts."""
    return Took(lane=lane, usage=Usage(**{name: counts[name] for name in _TOKENS}))


def _settle(call: Row, took: Took | None) -> None:
    spend = Spend() if took is None else _spend(call["model"], took)
    QUERIES.fetch(
        "call_reconcile",
        {
            **spend.params(),
            "call_id": call["id"],
            "run_id": call["run_id"],
            "billed": took is not None,
        },
    )


def _spend(model: str, took: Took) -> Spend:
    usage, today = took.usage, database_now().date()
    cost = cost_micro_usd(model, usage, today, batch=took.lane == CallLane.BATCH)
    return Spend(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        cost_usd=None if cost is None else usd_of(cost),
        price_date=None if cost is None else today,
    )
