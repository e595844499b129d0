"""The provider calls that were made for items."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from batchgen.db.ids import new_id
from runs.models.work import RunItem
from runs.states import CallLane, CallOutcome


class ProviderCall(models.Model):
    """A call that was paid for, or may have been. Written before the call starts."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    item = models.ForeignKey(RunItem, on_delete=models.CASCADE, related_name="calls")
    attempt = models.PositiveIntegerField()
    #: generate, repair (defects named) or enlarge (a larger cap).
    purpose = models.CharField(max_length=20)
    model = models.CharField(max_length=100)
    lane = models.CharField(
        max_length=10, choices=CallLane, default=CallLane.REALTIME, db_default=CallLane.REALTIME
    )
    outcome = models.CharField(max_length=20, choices=CallOutcome, default=CallOutcome.STARTED)
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    request_id = models.CharField(max_length=100, blank=True, default="")
    #: Usage and cost: null where the provider answered and did not say.
    input_tokens = models.PositiveIntegerField(null=True, default=0)
    output_tokens = models.PositiveIntegerField(null=True, default=0)
    cache_read_tokens = models.PositiveIntegerField(null=True, default=0)
    cache_write_tokens = models.PositiveIntegerField(null=True, default=0)
    #: Of those written, what is kept for an hour.
    cache_write_1h_tokens = models.PositiveIntegerField(null=True, default=0, db_default=0)
    #: Null, too, where the model has no price.
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True, default=0)
    #: The day by whose prices it was computed.
    price_date = models.DateField(null=True, blank=True)
    #: The most that it can cost; null where the model has no price.
    held_micro_usd = models.BigIntegerField(null=True, blank=True)
    #: The budgets that count it: they held that while it was STARTED.
    budget_ids = ArrayField(models.BigIntegerField(), null=True, blank=True)
    error_code = models.CharField(max_length=50, blank=True, default="")
    #: The slice that it is a request of; null: a call of its own.
    batch = models.ForeignKey(
        "runs.ProviderBatch",
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,  # both go with their run
        db_index=False,
        db_constraint=False,
        related_name="calls",
    )
    #: Of a slice's: the request's key, and a digest of what it asks. Its answer comes without both.
    request_key = models.CharField(max_length=200, blank=True, default="", db_default="")
    request_digest = models.CharField(max_length=64, blank=True, default="", db_default="")
    #: The outcome is unknown to us: the provider may have charged for it.
    possibly_billed = models.BooleanField(default=False)
    #: What was asked: the request's `asked`, and the bytes of its texts; 0 where it was not.
    alike = models.CharField(max_length=100, blank=True, default="", db_default="")
    prompt_bytes = models.PositiveIntegerField(default=0, db_default=0)
    #: {text, stopReason} of an answer that did not finish its epic; a later attempt reuses it.
    response = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome=CallOutcome.STARTED, ended_at__isnull=True)
                | (~Q(outcome=CallOutcome.STARTED) & Q(ended_at__isnull=False)),
                name="call_ended_with_outcome",
            ),
        ]
        indexes = [
            models.Index(  # of a slice
                fields=["batch", "outcome"],
                condition=Q(batch__isnull=False),
                name="call_of_batch",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} call of {self.started_at:%H:%M:%S}"
