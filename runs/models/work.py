"""The work of a run: workers, lanes, items, and the provider calls that were made for them."""

from typing import ClassVar

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from batchgen.db.ids import new_id
from content.registry import kinds_of_items
from runs.models.run import Run
from runs.states import ItemStage, ItemStatus, LaneState

#: An item's, of which 0 is the least.
MOST_PRIORITY = 10


class Worker(models.Model):
    """One start of one worker process. Its lease is the lease of every lane it runs."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: Celery's node name; a new start of the same name takes the older one's work back at once.
    name = models.CharField(max_length=200)
    concurrency = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)
    #: By how many seconds its host's clock is ahead of PostgreSQL's; negative where it is behind.
    clock_ahead_s = models.FloatField(null=True, blank=True)
    #: What it takes for the installation's monthly budget; null: none.
    monthly_budget_micro_usd = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["name", "-started_at"]
        indexes = [models.Index(fields=["name", "-started_at"], name="worker_by_name")]

    def __str__(self) -> str:
        return self.name


class Lane(models.Model):
    """A rolling chain of a run: it carries one item at a time.

    `(id, fencing_token)` is the fence: a message, a claim and a result each name the token that
    they belong to, and whatever takes the lane on raises it, so that older ones change nothing.
    A lane also counts what it finished. The run's totals are the sums over its lanes, so that
    no two items ever wait for each other to count.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="lanes")
    index = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=LaneState, default=LaneState.IDLE)
    fencing_token = models.PositiveIntegerField(default=0)
    worker = models.ForeignKey(
        Worker,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="lanes",
        db_index=False,
        db_constraint=False,  # checked by nobody's hand: only workers write it, on the hot path
    )
    wake_at = models.DateTimeField(null=True, blank=True)
    #: Why it is parked: pacing, backoff, rate-limit, budget …
    wait_reason = models.CharField(max_length=30, blank=True, default="")
    #: When the state last changed.
    moved_at = models.DateTimeField(db_default=Now())
    #: When a worker last claimed an item in it.
    claimed_at = models.DateTimeField(null=True, blank=True)
    #: Rate-limit errors in a row; the pacing delay grows with them.
    rate_limit_streak = models.PositiveIntegerField(default=0)
    #: Its run was cancelled, or failed, while it was running: its epic is its last.
    draining = models.BooleanField(default=False, db_default=False)

    completed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cache_read_tokens = models.PositiveBigIntegerField(default=0)
    cache_write_tokens = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=6, default=0)
    #: As in RunItem.
    unknown_calls = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ["run", "index"]
        constraints = [
            models.UniqueConstraint(fields=["run", "index"], name="lane_once"),
            models.CheckConstraint(
                condition=Q(state=LaneState.PARKED, wake_at__isnull=False)
                | (~Q(state=LaneState.PARKED) & Q(wake_at__isnull=True)),
                name="lane_wakes_when_parked",
            ),
        ]

    def __str__(self) -> str:
        return f"lane {self.index} ({self.state})"


class RunItem(models.Model):
    """One target's part in a run: an epic whose stories are written, and so on.

    It refers to its target by id alone, whatever table that is in. `runs.engine.open_targets`
    sets it to null before the target is deleted.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="items", db_index=False)
    #: Of what content, as in `content.kinds`.
    kind = models.CharField(max_length=20)
    target_id = models.UUIDField(null=True)
    code = models.CharField(max_length=60)
    title = models.CharField(max_length=500)
    order = models.PositiveIntegerField()
    #: 10 goes first, 0 last; of equals the one that comes first in the run's order.
    priority = models.PositiveSmallIntegerField(default=5, db_default=5)
    status = models.CharField(max_length=20, choices=ItemStatus, default=ItemStatus.PENDING)
    stage = models.CharField(max_length=30, choices=ItemStage, blank=True, default="")
    #: The lane that carries it (while PENDING or GENERATING) or carried it.
    lane = models.ForeignKey(
        Lane,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,  # lanes go with their run, and so do its epics
        db_index=False,
        related_name="+",
    )
    #: It waits for a slice of its run's, or is out in one: no lane takes it.
    in_batch = models.BooleanField(default=False, db_default=False)
    #: The slice that it is out in; once it is not `in_batch` any more, the one that answered its
    #: first request.
    batch = models.ForeignKey(
        "runs.ProviderBatch",
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,  # both go with their run
        db_index=False,
        db_constraint=False,  # as of Lane.worker
        related_name="+",
    )
    estimated_input_tokens = models.PositiveIntegerField(default=0)
    #: Claims that were not given back; each may have cost a provider call.
    attempt = models.PositiveIntegerField(default=0)
    #: A person wants this one stopped; its worker sees it at its next heartbeat.
    cancel_requested = models.BooleanField(default=False)
    #: Attempts whose worker died in the middle.
    crashes = models.PositiveIntegerField(default=0)
    #: What it made, and what of its target was there and stayed as a person had edited it.
    created = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cache_read_tokens = models.PositiveIntegerField(default=0)
    cache_write_tokens = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    #: Answered calls whose usage the provider did not say; the sums above are without them.
    unknown_calls = models.PositiveIntegerField(default=0, db_default=0)
    error_code = models.CharField(max_length=50, blank=True, default="")
    error = models.TextField(blank=True, default="")
    #: How far its last attempt is, or came, as its worker's heartbeats found it.
    stage_percent = models.PositiveSmallIntegerField(default=0, db_default=0)
    #: What is left of it, by what such calls took of late; None where none is under way.
    remaining_ms = models.PositiveIntegerField(null=True, blank=True)
    #: {stage: milliseconds} of its last attempt.
    stage_ms = models.JSONField(default=dict, blank=True)
    #: Stages that it left out.
    skipped_stages = models.JSONField(
        default=list, db_default=Value([], models.JSONField()), blank=True
    )
    #: What a reader of the result should know, e.g. that the cards were summarised.
    notes = models.JSONField(default=list, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["run", "order"]
        constraints = [
            models.UniqueConstraint(fields=["target_id", "run"], name="target_once_in_run"),
            # A lane carries at most one epic: I5 does not depend on anybody's care.
            models.UniqueConstraint(
                fields=["lane"],
                condition=Q(status__in=(ItemStatus.PENDING, ItemStatus.GENERATING)),
                name="lane_carries_one_item",
            ),
            models.CheckConstraint(
                condition=Q(
                    completed_at__isnull=True,
                    status__in=(ItemStatus.PENDING, ItemStatus.GENERATING),
                )
                | (
                    Q(completed_at__isnull=False)
                    & ~Q(status__in=(ItemStatus.PENDING, ItemStatus.GENERATING))
                ),
                name="run_item_ended_when_final",
            ),
            models.CheckConstraint(
                condition=~Q(status=ItemStatus.GENERATING) | Q(lane__isnull=False),
                name="run_item_generates_in_a_lane",
            ),
            models.CheckConstraint(
                condition=Q(priority__lte=MOST_PRIORITY), name="run_item_priority_in_bounds"
            ),
            # What is out in a slice is in no lane, so it is never paid for twice at a time.
            models.CheckConstraint(
                condition=Q(in_batch=False) | Q(status=ItemStatus.PENDING, lane__isnull=True),
                name="run_item_in_batch_waits",
            ),
        ]
        indexes = [
            models.Index(fields=["run", "order"], name="run_item_in_order"),  # the list
            models.Index(  # the next item of a lane, without a look at those that lanes have
                fields=["run", "-priority", "order"],
                condition=Q(status=ItemStatus.PENDING, lane__isnull=True, in_batch=False),
                name="run_item_free",
            ),
            models.Index(  # the next slice, what is out in one, and whether there is any of it
                fields=["run", "batch", "-priority", "order"],
                condition=Q(in_batch=True),
                name="run_item_in_batch",
            ),
            models.Index(  # is there any left?
                fields=["run", "-priority", "order"],
                condition=Q(status__in=(ItemStatus.PENDING, ItemStatus.GENERATING)),
                name="run_item_open",
            ),
            models.Index(  # what can be retried?
                fields=["run"],
                condition=Q(status=ItemStatus.FAILED, target_id__isnull=False),
                name="run_item_failed",
            ),
            models.Index(  # the last hour's throughput, without a look at the rows
                fields=["completed_at"],
                include=["status", "run"],
                condition=Q(completed_at__isnull=False),
                name="run_item_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.title}"


class RunEpicManager(models.Manager["RunEpic"]):
    def get_queryset(self) -> "models.QuerySet[RunEpic]":
        """Items of every kind whose targets are epics."""
        return super().get_queryset().filter(kind__in=kinds_of_items("epic"))


class RunEpic(RunItem):
    """An item that is an epic: what the API's `epics` of a run are."""

    objects: ClassVar[RunEpicManager] = RunEpicManager()

    class Meta:
        proxy = True


class OpenTarget(models.Model):
    """A target that is open in a run: as long as there is this row, no other run may have it.

    A table of its own, not a column of RunItem. At a run's end that would be written anew in each
    of its items, and live streams would tell all of them once more.
    """

    pk = models.CompositePrimaryKey("kind", "target_id")
    kind = models.CharField(max_length=20)
    target_id = models.UUIDField()
    # RunItem's own constraint, whose rows the same statement writes, does for this as well.
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", db_constraint=False)

    class Meta:
        indexes = [
            # Of whatever kind: `runs_open_elsewhere`, at every claim and finish that replaces rows.
            models.Index(fields=["target_id"], name="open_target"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target_id} in {self.run_id}"
