"""What a run is: itself, its items, its lanes, its log, its provider calls and its workers."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from batchgen.db.ids import new_id
from content.registry import kinds_of_items
from content.run_types import RunType
from epics.models import Project
from runs.pacing import MOST_LANES
from runs.states import (
    ACTIVE,
    FINAL,
    CallOutcome,
    ItemStage,
    ItemStatus,
    LaneState,
    Pacing,
    Priority,
    RunStatus,
)

#: A user's turns for each one of another.
MOST_WEIGHT = 10


class Run(models.Model):
    """One batch over a project's epics. Its running totals are kept by its lanes."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="runs")
    type = models.CharField(max_length=30, choices=RunType)
    status = models.CharField(max_length=30, choices=RunStatus, default=RunStatus.QUEUED)
    #: What was chosen of what its kind of content offers: `ContentKind.options`.
    options = models.JSONField(default=dict, blank=True)
    pacing_profile = models.CharField(max_length=20, choices=Pacing, default=Pacing.NORMAL)
    priority = models.CharField(max_length=10, choices=Priority, default=Priority.NORMAL)
    #: Why the priority was chosen, where it was computed: [{factor, points, message}].
    priority_reasons = models.JSONField(default=list, blank=True)
    deadline = models.DateTimeField(null=True, blank=True)
    max_concurrency = models.PositiveIntegerField()
    provider = models.CharField(max_length=20)
    model = models.CharField(max_length=100)
    # The pacing profile's numbers as they were at the start.
    max_tokens = models.PositiveIntegerField()
    delay_ms = models.PositiveIntegerField(default=0)
    max_retries = models.PositiveIntegerField(default=0)
    retry_wait_ms = models.PositiveIntegerField(default=0)
    #: A digest of the project's texts in every prompt: calls that share them share a cache.
    context_key = models.CharField(max_length=16, default="")
    total_items = models.PositiveIntegerField()
    #: Final, but calls that had begun are still being finished; they end with `completed_at`.
    draining = models.BooleanField(default=False)
    error_code = models.CharField(max_length=50, blank=True, default="")
    error = models.TextField(blank=True, default="")
    retried_from = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="retries"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "type"],
                condition=Q(status__in=ACTIVE) & ~Q(type=RunType.GENERATE_STORIES),
                name="run_active_once",
            ),
            models.CheckConstraint(
                condition=Q(completed_at__isnull=False, status__in=FINAL, draining=False)
                | Q(completed_at__isnull=True, status__in=ACTIVE, draining=False)
                | Q(completed_at__isnull=True, status__in=FINAL, draining=True),
                name="run_ended_when_final",
            ),
            models.CheckConstraint(condition=Q(max_concurrency__gte=1), name="run_has_concurrency"),
        ]
        indexes = [
            models.Index(fields=["project", "-created_at", "-id"], name="run_of_project"),
            models.Index(fields=["-created_at", "-id"], name="run_newest"),
            # the reconciler's round
            models.Index(fields=["id"], condition=Q(completed_at__isnull=True), name="run_open"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class PacingProfile(models.Model):
    """One pacing profile's numbers; a run keeps those that it started with."""

    name = models.CharField(max_length=20, choices=Pacing, primary_key=True)
    delay_ms = models.PositiveIntegerField(
        help_text="Wait between two epics of a lane; none before its first."
    )
    max_tokens = models.PositiveIntegerField(
        validators=[MinValueValidator(256), MaxValueValidator(16_000)],
        help_text="Cap of one answer's output.",
    )
    max_retries = models.PositiveIntegerField(
        validators=[MaxValueValidator(20)],
        help_text="Tries after the first, for an error that may pass.",
    )
    retry_wait_ms = models.PositiveIntegerField(
        help_text="Wait before the first of them; it doubles from there."
    )
    lanes = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(MOST_LANES)],
        help_text="Epics at the same time, where the run does not say.",
    )

    class Meta:
        ordering = ["-delay_ms"]

    def __str__(self) -> str:
        return self.name


class Share(models.Model):
    """What the turns of a user's runs weigh where several users wait; without a row, 1."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    weight = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_WEIGHT)],
        help_text="Turns for each one that a user without a share gets. It counts from each "
        "run's next epics on.",
    )

    class Meta:
        ordering = ["user"]
        constraints = [
            models.CheckConstraint(
                condition=Q(weight__range=(1, MOST_WEIGHT)), name="share_weight_in_bounds"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.weight}"


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
    code = models.CharField(max_length=50)
    title = models.CharField(max_length=500)
    order = models.PositiveIntegerField()
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
        ]
        indexes = [
            models.Index(fields=["run", "order"], name="run_item_in_order"),  # the list
            models.Index(  # the next epic of a lane; is there any left?
                fields=["run", "order"],
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

    def __str__(self) -> str:
        return f"{self.kind} {self.target_id} in {self.run_id}"


class RunLog(models.Model):
    """A line of a run's log.

    Lines are written inside the transaction they tell of, by many workers at once, so their
    ids are not in commit order. `seq` is: it is given to committed lines, one reader at a time
    (`runs.reads.log.log_number`), so a reader that asks for what came after 7 never misses an 8.
    """

    class Level(models.TextChoices):
        INFO = "info"
        WARNING = "warning"
        ERROR = "error"

    run = models.ForeignKey(
        Run,
        on_delete=models.CASCADE,
        related_name="log",
        db_index=False,
        # The check would lock the run's row once for every line of every epic.
        db_constraint=False,
    )
    seq = models.PositiveIntegerField(null=True)
    at = models.DateTimeField(db_default=Now())
    level = models.CharField(max_length=10, choices=Level, default=Level.INFO)
    item_code = models.CharField(max_length=50, blank=True, default="")
    message = models.TextField()

    class Meta:
        ordering = ["run", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["run", "seq"], name="run_log_seq_once"),
        ]
        indexes = [
            models.Index(fields=["run"], condition=Q(seq__isnull=True), name="run_log_unnumbered"),
        ]

    def __str__(self) -> str:
        return self.message


class Closure(models.Model):
    """Until when a provider key and model take no calls: what Redis may forget."""

    #: As in `providers.registry.limit_pool`.
    gate = models.CharField(max_length=150, primary_key=True)
    until = models.DateTimeField()
    #: A code of `providers.errors`, or a person's words.
    reason = models.CharField(max_length=200)

    class Meta:
        verbose_name = "closing of a gate"
        verbose_name_plural = "closings of gates"

    def __str__(self) -> str:
        return f"{self.gate} until {self.until:%H:%M:%S}: {self.reason}"


class GateAction(models.Model):
    """Who closed or opened a gate, when and why. Rows are only ever added, as of RunAction."""

    class Kind(models.TextChoices):
        CLOSE = "close"
        OPEN = "open"

    gate = models.CharField(max_length=150)
    model = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind)
    #: The user's name, or that of whoever used the shell.
    actor = models.CharField(max_length=150)
    actor_id = models.BigIntegerField(null=True)
    at = models.DateTimeField(db_default=Now())
    #: Of a closing.
    until = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.actor}: {self.kind} {self.model}"


class RunAction(models.Model):
    """Who did what to a run, and when. Rows are only ever added: a trigger refuses changes.

    The actor is kept as text, so that the trail outlives the account.
    """

    class Kind(models.TextChoices):
        START = "start"
        PAUSE = "pause"
        RESUME = "resume"
        CANCEL = "cancel"
        FAIL = "fail"
        CHANGE = "change"
        CANCEL_EPIC = "cancel-epic"
        RETRY = "retry"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="actions")
    kind = models.CharField(max_length=20, choices=Kind)
    #: The user's name, or `batchgen` where the engine decided.
    actor = models.CharField(max_length=150)
    actor_id = models.BigIntegerField(null=True)
    at = models.DateTimeField(db_default=Now())
    #: What changed: statuses, fields, the epic, the reason.
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["run", "id"]

    def __str__(self) -> str:
        return f"{self.actor}: {self.kind}"


class ProviderCall(models.Model):
    """A call that was paid for, or may have been. Written before the call starts."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    item = models.ForeignKey(RunItem, on_delete=models.CASCADE, related_name="calls")
    attempt = models.PositiveIntegerField()
    #: generate, repair (defects named) or enlarge (a larger cap).
    purpose = models.CharField(max_length=20)
    model = models.CharField(max_length=100)
    outcome = models.CharField(max_length=20, choices=CallOutcome, default=CallOutcome.STARTED)
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    request_id = models.CharField(max_length=100, blank=True, default="")
    #: Usage and cost: null where the provider answered and did not say.
    input_tokens = models.PositiveIntegerField(null=True, default=0)
    output_tokens = models.PositiveIntegerField(null=True, default=0)
    cache_read_tokens = models.PositiveIntegerField(null=True, default=0)
    cache_write_tokens = models.PositiveIntegerField(null=True, default=0)
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True, default=0)
    error_code = models.CharField(max_length=50, blank=True, default="")
    #: The outcome is unknown to us: the provider may have charged for it.
    possibly_billed = models.BooleanField(default=False)
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

    def __str__(self) -> str:
        return f"{self.purpose} call of {self.started_at:%H:%M:%S}"
