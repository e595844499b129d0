"""A run together with its retries and what it retries, read as one."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from runs.engine.queries import QUERIES
from runs.models import Lane, Run, RunItem
from runs.reads.effective import EffectiveProgress
from runs.reads.progress import RunProgress
from runs.reads.selectors import SPENT
from runs.states import ItemStatus


def run_lineage(*, run: Run) -> list[UUID]:
    """The run, those that it retries, and all retries of those: the oldest first."""
    return [row["id"] for row in QUERIES.fetch("run_lineage", {"run_id": run.pk})]


def run_items_effective(*, run_ids: Sequence[UUID]) -> "QuerySet[RunItem]":
    """Of each item of these runs its part in the latest of them, with its lane and run.

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
    # Fetched apart: joined, every lane would be read before the first page is cut off.
    return RunItem.objects.filter(latest, run__in=run_ids).prefetch_related("lane", "run")


def run_effective(*, run: Run) -> EffectiveProgress:
    """The run's lineage as one: latest outcomes, and all that was spent on the way."""
    run_ids = run_lineage(run=run)
    items = run_items_effective(run_ids=run_ids)
    outcomes = items.aggregate(
        items=Count("pk"),
        created=Coalesce(Sum("created"), 0),
        kept=Coalesce(Sum("kept"), 0),
        **{
            name: Count("pk", filter=Q(status=status))
            for name, status in (
                ("completed", ItemStatus.COMPLETED),
                ("failed", ItemStatus.FAILED),
                ("skipped", ItemStatus.SKIPPED),
                ("cancelled", ItemStatus.CANCELLED),
                ("generating", ItemStatus.GENERATING),
            )
        },
    )
    spent = Lane.objects.filter(run__in=run_ids).aggregate(
        **{name: Coalesce(Sum(name), Value(0)) for name in SPENT}, cost_usd=Sum("cost_usd")
    )
    own = RunProgress.of(run)
    return EffectiveProgress(
        run=run,
        run_ids=tuple(run_ids),
        can_retry=own.can_retry,
        budget_figures=own.budget_figures,
        may_control=own.may_control,
        **outcomes,
        **spent,
    )
