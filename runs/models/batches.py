"""Slices: what of a run is asked by the provider's batches."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from batchgen.db.ids import new_id
from runs.models.run import Run
from runs.states import BATCH_OUT, BatchState


class ProviderBatch(models.Model):
    """A slice: so many items' first requests, as one batch of the provider's.

    Written, with a call for each request, before the provider hears of it. What happens to it from
    there on: docs/batches.md.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: Null: it was deleted while this was out, which is cancelled at the provider, and booked.
    run = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="batches"
    )
    #: Who has it, as in `Run.provider`.
    provider = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=BatchState, default=BatchState.CREATING)
    #: The provider's name for it; null until it is known.
    provider_batch_id = models.CharField(max_length=100, null=True, blank=True)
    #: How many requests it was made of.
    expected = models.PositiveIntegerField()
    #: It is of one request, which writes what all that follow read from the provider's cache.
    primer = models.BooleanField(default=False)
    #: A digest of what its requests begin with, and the model: what they share in that cache.
    prefix = models.CharField(max_length=64, blank=True, default="")
    #: A digest of the prompts' version, and the model: whether such requests were ever answered.
    shape = models.CharField(max_length=64, blank=True, default="")
    #: When we were about to create it; batches that are older are none of it.
    intent_at = models.DateTimeField(db_default=Now())
    #: Batches that were taken for this one, and are not.
    not_ours = models.JSONField(default=list, blank=True)
    #: Of the provider's, as it says.
    created_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    results_url = models.TextField(null=True, blank=True)
    processing = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    errored = models.PositiveIntegerField(default=0)
    canceled = models.PositiveIntegerField(default=0)
    expired = models.PositiveIntegerField(default=0)
    #: Somebody wants it cancelled; since when.
    cancel_at = models.DateTimeField(null=True, blank=True)
    #: What was canceled or expired of it goes realtime.
    spilled = models.BooleanField(default=False)
    #: When the provider was asked last, and since when it does not know it.
    polled_at = models.DateTimeField(null=True, blank=True)
    missing_since = models.DateTimeField(null=True, blank=True)
    #: How often its results were read to their end.
    reads = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name_plural = "provider batches"
        ordering = ["intent_at", "id"]
        constraints = [
            # Two slices are never the same batch.
            models.UniqueConstraint(fields=["provider_batch_id"], name="provider_batch_once"),
            models.CheckConstraint(
                condition=~Q(state__in=(BatchState.OPEN, BatchState.CANCELING, BatchState.ENDED))
                | Q(provider_batch_id__isnull=False),
                name="batch_open_has_its_name",
            ),
        ]
        indexes = [
            models.Index(  # those that may still bring answers
                fields=["provider"], condition=Q(state__in=BATCH_OUT), name="batch_out"
            ),
            models.Index(fields=["shape"], condition=Q(succeeded__gt=0), name="batch_shape_known"),
            models.Index(fields=["prefix", "-ended_at"], name="batch_prefix_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.provider_batch_id or self.pk} ({self.state})"
