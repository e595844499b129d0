"""Reads of the ledger: what calls cost, line by line and summed."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDay

from batchgen.micro_usd import usd_of
from epics.access import Somebody, is_staff, projects_of
from epics.files.csv_rows import csv_rows
from runs.models import LedgerLine
from runs.reads.savings import PROMPT_TOKENS, savings
from runs.states import Certainty

#: What lines are summed by, and the column.
SUMMED_BY = {"project": "project_id", "run": "run_id", "model": "model", "day": "day"}
#: The sums that cost the most; there may be as many as runs.
MOST_SUMS = 1_000
TOKENS = (*PROMPT_TOKENS, "output_tokens")
#: {column of a file: what of a line stands there}.
_COLUMNS = {
    "callId": "call_id",
    "at": "at",
    "projectId": "project_id",
    "runId": "run_id",
    "itemId": "item_id",
    "model": "model",
    "purpose": "purpose",
    "lane": "lane",
    "inputTokens": "input_tokens",
    "cacheReadTokens": "cache_read_tokens",
    "cacheWrite5mTokens": "cache_write_5m_tokens",
    "cacheWrite1hTokens": "cache_write_1h_tokens",
    "outputTokens": "output_tokens",
    "costUsd": "cost_micro_usd",
    "certainty": "certainty",
    "priceDate": "price_date",
}
#: Lines of a file that are in memory at the same time.
_AT_ONCE = 2_000


def current(lines: "QuerySet[LedgerLine]") -> "QuerySet[LedgerLine]":
    """Those that no other corrects: one a call."""
    later = LedgerLine.objects.filter(call_id=OuterRef("call_id"), corrects=OuterRef("id"))
    return lines.filter(~Exists(later))


def ledger_lines(
    *,
    user: Somebody,
    project: UUID | None = None,
    run: UUID | None = None,
    certainty: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    corrected: bool = False,
) -> "QuerySet[LedgerLine]":
    """Lines of calls in the projects that the user may read; for staff all, also of what was
    deleted since.

    Args:
        since, until: when the calls began; the last moment is not in it.
        corrected: with those that others correct.
    """
    lines = LedgerLine.objects.order_by()
    if not is_staff(user):
        lines = lines.filter(project_id__in=projects_of(user_id=user.pk).values("pk"))
    wanted: Mapping[str, Any] = {
        "project_id": project,
        "run_id": run,
        "certainty": certainty,
        "at__gte": since,
        "at__lt": until,
    }
    lines = lines.filter(**{name: value for name, value in wanted.items() if value is not None})
    return lines if corrected else current(lines)


def ledger_sums(lines: "QuerySet[LedgerLine]", *, by: str) -> list[dict[str, Any]]:
    """The lines summed by one of SUMMED_BY, `key`, with what cache and batches saved: of days the
    latest first, of all else the dearest; MOST_SUMS at most."""
    column = SUMMED_BY[by]
    if by == "day":
        lines = lines.annotate(day=TruncDay("at"))
    sums = lines.values(key=F(column)).annotate(
        calls=Count("pk"),
        **_spent(),
        unpriced=Count("pk", filter=Q(cost_micro_usd=None)),
        **{name: Coalesce(Sum(name), 0) for name in TOKENS},
    )
    order = "-key" if by == "day" else "-billed"
    found = [{**row} for row in sums.order_by(order, "key")[:MOST_SUMS]]
    saved = savings(lines, column=column, keys=[row["key"] for row in found])
    return [
        {**row, "cache_saved": saved[row["key"]].cache, "batch_saved": saved[row["key"]].batch}
        for row in found
    ]


def ledger_spent(lines: "QuerySet[LedgerLine]") -> tuple[int, int]:
    """What all of them cost, and what those may have cost of which nobody knows; micro-dollars."""
    sums = lines.aggregate(**_spent())
    return sums["billed"], sums["possibly"]


def ledger_csv(lines: "QuerySet[LedgerLine]") -> Iterator[bytes]:
    """The lines as a file, oldest first."""
    rows = lines.order_by("id").values(*_COLUMNS.values()).iterator(chunk_size=_AT_ONCE)
    for row in csv_rows([[*_COLUMNS]], map(_cells, rows)):
        yield row.encode()


def _spent() -> dict[str, Coalesce]:
    return {
        "billed": _micro_usd(Q(certainty=Certainty.BILLED)),
        "possibly": _micro_usd(Q(certainty=Certainty.POSSIBLY)),
    }


def _micro_usd(where: Q) -> Coalesce:
    return Coalesce(Sum("cost_micro_usd", filter=where), 0)


def _cells(line: Mapping[str, Any]) -> list[Any]:
    cost = line["cost_micro_usd"]
    shown = {
        **line,
        "at": line["at"].isoformat().replace("+00:00", "Z"),
        "cost_micro_usd": None if cost is None else f"{usd_of(cost):.6f}",
    }
    return [shown[name] for name in _COLUMNS.values()]
