"""A run that is deleted while calls of it are under way."""

from typing import Any

from django.db.models.functions import Now

from runs.models import Lane, ProviderCall, Run
from runs.states import CallOutcome


def calls_give_up(instance: Run, **_: Any) -> None:
    """Before a run is deleted: what its calls held is possibly spent. Whoever claims or finishes
    an item of it is waited for, or finds no lane."""
    held = Run.objects.select_for_update().filter(pk=instance.pk).values_list("pk", flat=True)
    lanes = Lane.objects.select_for_update().filter(run__in=list(held)).order_by("pk")
    if list(lanes.values_list("pk", flat=True)):
        ProviderCall.objects.filter(item__run=instance, outcome=CallOutcome.STARTED).update(
            outcome=CallOutcome.LOST,
            ended_at=Now(),
            error_code="RUN_DELETED",
            possibly_billed=True,
        )
