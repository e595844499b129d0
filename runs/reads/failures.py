"""What failed in a run, by its error code and, within that, by its message."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Func, Max, Min, TextField, Value

from runs.models import Run, RunItem
from runs.states import ItemStatus

#: Messages of a code that are told apart; the count of the code is of all.
_MOST_MESSAGES = 5
#: What differs from item to item in one and the same message: numbers, ids, what is quoted.
_VARYING = r"""[0-9a-f]{8}-[0-9a-f-]{27}|"[^"]*"|\d+(\.\d+)?"""
#: {error code: what to do about it}; of all others the message says it.
_ADVICE = {
    "PROVIDER_OVERLOADED": "The provider was busy. Retry later, with fewer lanes.",
    "PROVIDER_FAILED": "The provider failed for a moment. Retry.",
    "PROVIDER_TIMEOUT": "The answer took too long. Retry with less detail, or raise "
    "BATCHGEN_PROVIDER_TIMEOUT_S.",
    "PROVIDER_UNREACHABLE": "The provider could not be reached. Check the network, then retry.",
    "PROVIDER_UNREADABLE": "The provider's answer could not be read. Retry.",
    "REQUEST_TOO_LARGE": "There is too much to read for one call. Split the item.",
    "CONTEXT_TOO_LONG": "There is too much to read for one call. Split the item.",
    "REQUEST_REJECTED": "The provider takes no such request. A retry would fail again.",
    "OUTPUT_TRUNCATED": "The answer was cut. Retry with less detail or another pacing profile.",
    "UNUSABLE_ANSWER": "The model's answer was of no use. Retry; mostly that is enough.",
    "REFUSED": "The model refuses to write this. Change what the item says, then retry.",
    "VALIDATION": "Something is missing or wrong in the item. Mend it, then retry.",
    "POISON": "Its worker died several times. Look into the worker's log before a retry.",
    "STORAGE_UNAVAILABLE": "The result could not be stored. Retry once PostgreSQL is well.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Failures:
    """The failed items of one error code.

    Attributes:
        messages: (count, what such messages have in common), the most frequent first.
        retriable: how many of them a retry would take: their targets are still there.
    """

    code: str
    count: int
    retriable: int
    first_at: datetime
    last_at: datetime
    advice: str
    messages: tuple[tuple[int, str], ...]


def run_failures(*, run: Run) -> list[Failures]:
    """By code, the most frequent first; in one query."""
    failed = RunItem.objects.filter(run=run, status=ItemStatus.FAILED).order_by()
    shape = Func(
        F("error"), Value(_VARYING), Value("…"), Value("gi"),
        function="regexp_replace", output_field=TextField(),
    )  # fmt: skip
    rows = (
        failed.annotate(shape=shape)
        .values("error_code", "shape")
        .annotate(
            n=Count("pk"),
            there=Count("target_id"),
            example=Min("error"),
            first_at=Min("completed_at"),
            last_at=Max("completed_at"),
        )
    )
    of_code: dict[str, list[dict[str, Any]]] = {}
    for row in rows.order_by("-n", "shape"):
        of_code.setdefault(row["error_code"], []).append({**row})
    groups = [_group(code, found) for code, found in of_code.items()]
    return sorted(groups, key=lambda group: (-group.count, group.code))


def _group(code: str, rows: list[dict[str, Any]]) -> Failures:
    return Failures(
        code=code,
        count=sum(row["n"] for row in rows),
        retriable=sum(row["there"] for row in rows),
        first_at=min(row["first_at"] for row in rows),
        last_at=max(row["last_at"] for row in rows),
        advice=_ADVICE.get(code, ""),
        messages=tuple(
            # What is alone of its kind is told as it is.
            (row["n"], row["example"] if row["n"] == 1 else row["shape"])
            for row in rows[:_MOST_MESSAGES]
        ),
    )
