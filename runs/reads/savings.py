"""What the provider's cache and its batches saved, by the ledger's own numbers."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, DateField, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from providers.prices import batch_saving_micro_usd, cache_saving_micro_usd, price_days
from providers.values import Usage
from runs.models import LedgerLine
from runs.states import CallLane, Certainty

#: Tokens of a line's prompt, by what is billed for them.
PROMPT_TOKENS = (
    *("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"),
)


@dataclass(kw_only=True, slots=True)
class Saved:
    """Micro-dollars: what the same tokens would have cost more.

    Attributes:
        cache: without a cache; below 0 where more was written than read.
        batch: in calls of their own.
    """

    cache: int = 0
    batch: int = 0


def savings(
    lines: "QuerySet[LedgerLine]", *, column: str, keys: Collection[Any]
) -> dict[Any, Saved]:
    """Of the lines that were billed and have a price, by what stands in a column; of these keys
    alone. The cache's are by the prices of short prompts, as a run's are."""
    wanted = Q(**{f"{column}__in": [key for key in keys if key is not None]})
    if None in keys:
        wanted |= Q(**{column: None})
    billed = lines.filter(wanted, certainty=Certainty.BILLED, price_date__isnull=False)
    sums = billed.values("model", "lane", key=F(column), priced=_priced()).annotate(
        cost=Coalesce(Sum("cost_micro_usd"), 0),
        **{name: Coalesce(Sum(name), 0) for name in PROMPT_TOKENS},
    )
    saved: dict[Any, Saved] = defaultdict(Saved)
    for row in sums.order_by():
        _add(saved[row["key"]], row)
    return saved


def _priced() -> Case:
    """The day from which the prices held by which a line was booked."""
    whens = [When(price_date__gte=day, then=Value(day)) for day in price_days()]
    return Case(*whens, output_field=DateField())


def _add(saved: Saved, row: Mapping[str, Any]) -> None:
    if row["priced"] is None:
        return
    model, day, batch = row["model"], row["priced"], row["lane"] == CallLane.BATCH
    usage = Usage(**{name: row[name] for name in PROMPT_TOKENS})
    saved.cache += cache_saving_micro_usd(model, usage, day, batch=batch) or 0
    if batch:
        saved.batch += batch_saving_micro_usd(model, row["cost"], day) or 0
