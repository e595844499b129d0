"""A run that is deleted while calls of it are under way."""

from typing import Any

from django.db.models.functions import Now

from runs.models import Lane, ProviderBatch, ProviderCall, Run
from runs.states import BATCH_OUT, CallOutcome


def calls_give_up(instance: Run, **_: Any) -> None:
    """Before a run is deleted: what its calls held is possibly spent, and what is out in the
    provider's batches is cancelled there; their slices stay until they have ended, and are booked.
    Whoever claims or finishes an item of it is waited for, or finds no lane."""
    held = Run.objects.select_for_update().filter(pk=instance.pk).values_list("pk", flat=True)
    lanes = Lane.objects.select_for_update().filter(run__in=list(held)).order_by("pk")
    if list(lanes.values_list("pk", flat=True)):
        _slices_let_go(instance)
        calls = ProviderCall.objects.filter(item__run=instance, outcome=CallOutcome.STARTED)
        # In the order in which a budget that is made takes them.
        begun = calls.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True)
        ProviderCall.objects.filter(pk__in=list(begun), outcome=CallOutcome.STARTED).update(
            outcome=CallOutcome.LOST,
            ended_at=Now(),
            error_code="RUN_DELETED",
            possibly_billed=True,
        )


def _slices_let_go(run: Run) -> None:
    """Before its calls, as everywhere: no deadlock."""
    slices = ProviderBatch.objects.filter(run=run)
    list(slices.select_for_update().order_by("pk").values_list("pk", flat=True))
    slices.exclude(state__in=BATCH_OUT).delete()
    slices.filter(cancel_at=None).update(cancel_at=Now())
