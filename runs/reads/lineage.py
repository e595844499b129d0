"""A run together with its retries and what it retries, read as one."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    CharField,
    Count,
    DecimalField,
    Exists,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    UUIDField,
    Value,
)
from django.db.models.functions import Cast, Coalesce

from batchgen.db.compiled_query import CompiledRows
from runs.engine.queries import QUERIES
from runs.models import Lane, Run, RunItem
from runs.reads.effective import EffectiveProgress
from runs.reads.items import items_among
from runs.reads.progress import RunProgress
from runs.reads.selectors import SPENT
from runs.reads.surroundings import figures_of_all
from runs.states import ItemStatus


def run_lineage(*, run: Run) -> list[UUID]:
    """The run, those that it retries, and all retries of those: the oldest first."""
    return [row["id"] for row in QUERIES.fetch("run_lineage", {"run_id": run.pk})]


def _named(run_ids: Sequence[UUID]) -> dict[str, UUID]:
    """As `CompiledRows` takes them."""
    return {f"run_{place}": run_id for place, run_id in enumerate(run_ids)}


def items_effective(
    *, run: Run, epics: bool = False, status: str | None = None, ended: bool = False
) -> CompiledRows[RunItem]:
    """Of each item of the run's lineage its part in the latest run, with its lane and run; of those
    the ones that `items_among` chooses."""
    return _Effective(run_lineage(run=run), epics=epics, status=status, ended=ended)


class _Effective(CompiledRows[RunItem]):
    """The first of them are looked for in each run by itself, which has its items in order:
    otherwise all items of all would be read, and sorted."""

    def __init__(self, run_ids: Sequence[UUID], **chosen: Any) -> None:
        self._run_ids = _named(run_ids)
        super().__init__(_items, **chosen, **self._run_ids)

    def limited(self, count: int) -> CompiledRows[RunItem]:
        return self.then(_first_of_each, count=count, **self._run_ids)


def _items(*, epics: bool, status: str | None, ended: bool, **run_ids: UUID) -> "QuerySet[RunItem]":
    latest = _latest_items([*run_ids.values()])
    return items_among(latest, epics=epics, status=status, ended=ended)


def _first_of_each(
    ordered: "QuerySet[RunItem]", *, count: int, **run_ids: UUID
) -> "QuerySet[RunItem]":
    of_run = ordered.filter(run=OuterRef("pk")).values("pk")[:count]
    runs = Run.objects.filter(pk__in=[*run_ids.values()]).order_by()
    first = RunItem.objects.filter(pk__in=runs.values(first=_Unnest(ArraySubquery(of_run))))
    return first.select_related("lane", "run").order_by(*ordered.query.order_by)[:count]


class _Unnest(Func):
    function = "unnest"
    set_returning = True
    output_field = UUIDField()


def _latest_items(run_ids: Sequence[UUID]) -> "QuerySet[RunItem]":
    """Of each item of these runs its part in the latest of them.

    Args:
        run_ids: as `run_lineage` has them.
    """
    began = OuterRef("run__created_at")
    later = RunItem.objects.filter(
        Q(run__created_at__gt=began) | Q(run__created_at=began, run__gt=OuterRef("run")),
        run__in=run_ids[1:],  # the first is the largest, and later than none
    )
    # Codes change, and uploads are counted anew where one goes. A target that is gone has left
    # nothing else.
    again = later.filter(target_id=OuterRef("target_id"))
    gone_again = later.filter(target_id=None, code=OuterRef("code"))
    latest = ~Exists(again) & (Q(target_id__isnull=False) | ~Exists(gone_again))
    return RunItem.objects.filter(latest, run__in=run_ids)


def run_effective(*, run: Run) -> EffectiveProgress:
    """The run's lineage as one: latest outcomes, and all that was spent on the way."""
    run_ids = run_lineage(run=run)
    (outcomes,) = CompiledRows(_outcomes, **_named(run_ids))
    (spent,) = CompiledRows(_spent, **_named(run_ids))
    own = RunProgress.of(run)
    return EffectiveProgress(
        run=run,
        run_ids=tuple(run_ids),
        can_retry=own.can_retry,
        budget_figures=own.budget_figures,
        may_control=own.may_control,
        cost_usd=Decimal(spent.pop("cost_usd")),
        **outcomes,
        **spent,
    )


def _outcomes(**run_ids: UUID) -> "QuerySet[Any]":
    by_status = {
        name: Count("pk", filter=Q(status=status))
        for name, status in (
            ("completed", ItemStatus.COMPLETED),
            ("failed", ItemStatus.FAILED),
            ("skipped", ItemStatus.SKIPPED),
            ("cancelled", ItemStatus.CANCELLED),
            ("generating", ItemStatus.GENERATING),
        )
    }
    latest = _latest_items([*run_ids.values()])
    made = {name: _sum(name) for name in ("created", "kept")}
    figures = figures_of_all(latest, items=Count("pk"), **made, **by_status)
    return figures.values_list("json", flat=True)


def _spent(**run_ids: UUID) -> "QuerySet[Any]":
    lanes = Lane.objects.filter(run__in=[*run_ids.values()])
    used = {name: _sum(name) for name in SPENT}
    cost_usd = Cast(_sum("cost_usd"), CharField())
    return figures_of_all(lanes, **used, cost_usd=cost_usd).values_list("json", flat=True)


def _sum(name: str) -> Coalesce:
    return Coalesce(Sum(name), Value(0), output_field=DecimalField())
