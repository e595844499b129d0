"""What a run may need, before it has begun."""

from django.conf import settings
from django.db.models import Avg, F, Subquery, Sum

from content.registry import kind_started_by
from runs.models import Run, RunItem
from runs.pacing import MOST_LANES
from runs.reads.batches import batches_expected_ms
from runs.reads.eta import TYPICAL_EPIC_MS, expected_ms
from runs.reads.surroundings import workers_alive
from runs.states import ItemStatus

#: Epics of the last run that tell how long one takes.
_OBSERVED_EPICS = 200


def run_expected_ms(*, run: Run) -> int:
    """What the run may need, judged by the last ended run of its kind, provider and model; where
    the engine sets the number of its lanes, in as many as workers offer and the limit allows."""
    offered = workers_alive().aggregate(n=Sum("concurrency"))["n"] if run.adaptive_lanes else None
    expected = expected_ms(
        epics=run.total_items,
        lanes=max(run.max_concurrency, min(offered or 0, MOST_LANES)),
        delay_ms=run.delay_ms,
        epic_ms=_observed_epic_ms(run) or TYPICAL_EPIC_MS,
    )
    rate = settings.LIMIT_REQUESTS_PER_MINUTE
    limited = round(run.total_items / rate * 60_000) if run.adaptive_lanes and rate else 0
    return max(expected, limited) + batches_expected_ms(run=run)


def _observed_epic_ms(run: Run) -> int | None:
    ended = Run.objects.filter(
        type__in=kind_started_by(run.type).run_types,
        provider=run.provider,
        model=run.model,
        completed_at__isnull=False,
    ).order_by("-created_at", "-id")
    observed = RunItem.objects.filter(
        run=Subquery(ended.values("pk")[:1]),
        order__lte=_OBSERVED_EPICS,
        status=ItemStatus.COMPLETED,
    ).aggregate(mean=Avg(F("completed_at") - F("started_at")))["mean"]
    return None if observed is None else round(observed.total_seconds() * 1000)
