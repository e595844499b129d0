"""What the ledger says of each day and model, beside the provider's own report."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.db.models.functions import TruncDate

from providers.prices import unversioned
from providers.usage_report import DayUsage
from runs.models import LedgerLine
from runs.states import CallLane, Certainty

#: Sums of a usage, in the order in which they are shown.
CLASSES = (
    *("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"),
    "output_tokens",
)
#: A day, a model without a version, and whether it was in batches.
Key = tuple[date, str, bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One day of a model: tokens by class, ours and theirs."""

    day: date
    model: str
    batch: bool
    ours: Counter[str]
    theirs: Counter[str]
    #: Calls of ours that nobody knows the usage of.
    in_doubt: int


def usage_compared(first: date, last: date, theirs: Iterable[DayUsage]) -> Iterator[Compared]:
    """By day and model; what neither side used is left out."""
    ours, in_doubt = _booked(first, last)
    reported: dict[Key, Counter[str]] = {}
    for row in theirs:
        sums = reported.setdefault((row.day, unversioned(row.model), row.batch), Counter())
        sums.update({name: getattr(row.usage, name) for name in CLASSES})
    for key in sorted(ours.keys() | reported.keys()):
        day, model, batch = key
        yield Compared(
            day=day,
            model=model,
            batch=batch,
            ours=ours.get(key, Counter()),
            theirs=reported.get(key, Counter()),
            in_doubt=in_doubt[key],
        )


def _booked(first: date, last: date) -> tuple[dict[Key, Counter[str]], Counter[Key]]:
    corrected = LedgerLine.objects.filter(corrects=OuterRef("id"))
    rows: Any = (  # their names are made here
        LedgerLine.objects.annotate(day=TruncDate("at", tzinfo=UTC))
        .filter(~Exists(corrected), day__gte=first, day__lte=last)
        .order_by()
        .values("day", "model", "lane")
        .annotate(
            in_doubt=Count("id", filter=Q(certainty=Certainty.POSSIBLY)),
            **{f"sum_{name}": Sum(name, default=0) for name in CLASSES},
        )
    )
    ours: dict[Key, Counter[str]] = {}
    in_doubt: Counter[Key] = Counter()
    for row in rows:
        key = (row["day"], unversioned(row["model"]), row["lane"] == CallLane.BATCH)
        ours.setdefault(key, Counter()).update({name: row[f"sum_{name}"] for name in CLASSES})
        in_doubt[key] += row["in_doubt"]
    return ours, in_doubt
