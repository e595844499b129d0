"""What failed in a run, by its error code and, within that, by its message."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.fields import ArrayField
from django.db.models import Count, F, Func, Max, Min, TextField, UUIDField, Value

from runs.models import Run, RunItem
from runs.states import ItemStatus

#: Of one failure, to be named one by one; the count is of all.
MOST_IDS = 200
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
class Failure:
    """Failed items of one error code whose messages differ in no more than numbers, ids and quotes.

    Attributes:
        message: what they have in common; of one item, all of it.
        retriable: how many of them a retry would take: their targets are still there.
        item_ids: the first MOST_IDS.
    """

    code: str
    message: str
    count: int
    retriable: int
    first_at: datetime
    last_at: datetime
    item_ids: Sequence[UUID]

    @property
    def advice(self) -> str:
        """What to do about it; empty where the message says it."""
        return _ADVICE.get(self.code, "")


@dataclass(frozen=True, kw_only=True, slots=True)
class FailuresOfCode:
    """The failures of one error code: what one retry may be asked for."""

    code: str
    failures: tuple[Failure, ...]

    @property
    def count(self) -> int:
        return sum(failure.count for failure in self.failures)

    @property
    def retriable(self) -> int:
        return sum(failure.retriable for failure in self.failures)

    @property
    def advice(self) -> str:
        return self.failures[0].advice

    @property
    def first_at(self) -> datetime:
        return min(failure.first_at for failure in self.failures)

    @property
    def last_at(self) -> datetime:
        return max(failure.last_at for failure in self.failures)


def run_failures(*, run: Run) -> list[Failure]:
    """What failed, the most frequent first; in one query."""
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
            ids=_FirstIds(ArrayAgg("pk", order_by="order")),
        )
    )
    return [
        Failure(
            code=row["error_code"],
            message=row["example"] if row["n"] == 1 else row["shape"],
            count=row["n"],
            retriable=row["there"],
            first_at=row["first_at"],
            last_at=row["last_at"],
            item_ids=row["ids"],
        )
        for row in rows.order_by("-n", "error_code", "shape")
    ]


def failures_by_code(failures: Iterable[Failure]) -> list[FailuresOfCode]:
    """The same by code, the most frequent first."""
    of_code: dict[str, list[Failure]] = {}
    for failure in failures:
        of_code.setdefault(failure.code, []).append(failure)
    groups = [FailuresOfCode(code=code, failures=tuple(each)) for code, each in of_code.items()]
    return sorted(groups, key=lambda group: (-group.count, group.code))


class _FirstIds(Func):
    template = f"(%(expressions)s)[1:{MOST_IDS}]"
    output_field = ArrayField(UUIDField())
