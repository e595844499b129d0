"""Runs and what paces them: profiles, and users' shares."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from batchgen.db.ids import new_id
from content.run_types import MANY_AT_ONCE, RunType
from epics.models import Project
from runs.pacing import MOST_LANES
from runs.run_spans import traceparent_now
from runs.states import ACTIVE, FINAL, MoneyLane, Pacing, Priority, RunStatus

#: A user's turns for each one of another.
MOST_WEIGHT = 10


class Run(models.Model):
    """One batch over items of a project. Its running totals are kept by its lanes."""

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
    #: How its items' first requests are asked.
    lane = models.CharField(
        max_length=10,
        choices=MoneyLane,
        default=MoneyLane.REALTIME,
        db_default=MoneyLane.REALTIME.value,
    )
    max_concurrency = models.PositiveIntegerField()
    #: The engine sets `max_concurrency`, by how many calls are under way; until a person does.
    adaptive_lanes = models.BooleanField(default=False, db_default=False)
    #: When it last did.
    lanes_adapted_at = models.DateTimeField(null=True, blank=True)
    provider = models.CharField(max_length=20)
    model = models.CharField(max_length=100)
    # The pacing profile's numbers as they were at the start.
    max_tokens = models.PositiveIntegerField()
    delay_ms = models.PositiveIntegerField(default=0)
    max_retries = models.PositiveIntegerField(default=0)
    retry_wait_ms = models.PositiveIntegerField(default=0)
    #: A digest of the project's texts in every prompt: calls that share them share a cache.
    context_key = models.CharField(max_length=16, default="")
    #: The prompts that it goes by, as staff had edited them; null, the files.
    prompt_set = models.ForeignKey(
        "content.PromptSet",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    #: The same for runs whose prompts are the same: the kind's `prompt_key`, and what staff edited.
    prompt_key = models.CharField(max_length=100, default="", db_default="", blank=True)
    #: What was said before of its cost and time, where its starter asked.
    quote = models.ForeignKey(
        "runs.Quote", null=True, blank=True, on_delete=models.SET_NULL, related_name="runs"
    )
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
    #: Of the request that started it, as W3C's Trace Context has it; empty: that was not traced.
    traceparent = models.CharField(
        max_length=55, default=traceparent_now, db_default="", blank=True, editable=False
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
                condition=Q(status__in=ACTIVE) & ~Q(type__in=MANY_AT_ONCE),
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
