"""A run's batches at the provider: counted, and each."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, F, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Extract, JSONObject

from batchgen.db.compiled_query import CompiledRows
from runs.models import ProviderBatch, Run, RunItem
from runs.states import BATCH_OUT, BatchState, MoneyLane

#: Batches that tell how long one takes; until one has ended, what most others saw.
_LATEST, _TYPICAL = 20, timedelta(minutes=15)


def batches_figures() -> Subquery:
    """Of a run, as JSON: what `RunProgress` has with names that begin with `batches_`."""
    is_out = Q(state__in=BATCH_OUT)
    batches = _handed_in().filter(run=OuterRef("pk")).order_by().values("run")
    figures = JSONObject(
        batches_submitted=Count("pk"),
        batches_processing=Count("pk", filter=is_out),
        batches_ended=Count("pk", filter=~is_out),
        batches_since_s=Extract(Min("intent_at", filter=is_out), "epoch"),
    )
    return Subquery(batches.annotate(figures=figures).values("figures"))


def items_in_batch() -> Subquery:
    """How many of a run's items wait for a batch, or are out in one; null: none."""
    items = RunItem.objects.filter(run=OuterRef("pk"), in_batch=True).order_by().values("run")
    return Subquery(items.annotate(items=Count("pk")).values("items"))


def run_batches(*, run: Run) -> CompiledRows[ProviderBatch]:
    """Those that the provider was handed, in the order in which they were."""
    return CompiledRows(_of_run, run_id=run.pk)


def batches_expected_ms(*, run: Run) -> int:
    """What the provider's batches may take, by those of late; 0 of a run in realtime."""
    if run.lane == MoneyLane.REALTIME:
        return 0
    latest = ProviderBatch.objects.filter(
        provider=run.provider, succeeded__gt=0, ended_at__isnull=False
    ).order_by("-ended_at")[:_LATEST]
    took = [batch.ended_at - batch.intent_at for batch in latest if batch.ended_at is not None]
    mean = sum(took, timedelta()) / len(took) if took else _TYPICAL
    return max(0, round(mean.total_seconds() * 1000))


def _of_run(*, run_id: Any) -> "QuerySet[ProviderBatch]":
    return _handed_in().filter(run=run_id).annotate(order=F("intent_at"))


def _handed_in() -> "QuerySet[ProviderBatch]":
    return ProviderBatch.objects.exclude(state=BatchState.REFUSED)
