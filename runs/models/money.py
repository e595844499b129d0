"""What calls cost: the ledger, and the budgets that hold what calls may cost.

Amounts are whole micro-dollars. The rows name runs, projects and calls by their ids alone: they
outlive them. The database itself writes both, by triggers on ProviderCall (migration 0024).
"""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from runs.states import CallLane, Certainty


class LedgerLine(models.Model):
    """What one provider call took and cost. Lines are only ever added: a trigger refuses changes.

    A call has one line, and another for each time that more became known of it: that one
    `corrects` the one before, which no sum counts any more.
    """

    call_id = models.UUIDField()
    #: When the call began.
    at = models.DateTimeField()
    booked_at = models.DateTimeField(db_default=Now())
    #: Null where they were deleted before the call's end was known.
    project_id = models.UUIDField(null=True)
    run_id = models.UUIDField(null=True)
    item_id = models.UUIDField()
    model = models.CharField(max_length=100)
    purpose = models.CharField(max_length=20)
    lane = models.CharField(max_length=10, choices=CallLane)
    certainty = models.CharField(max_length=10, choices=Certainty)
    #: Tokens: null where the provider did not say.
    input_tokens = models.PositiveIntegerField(null=True)
    cache_read_tokens = models.PositiveIntegerField(null=True)
    cache_write_5m_tokens = models.PositiveIntegerField(null=True)
    cache_write_1h_tokens = models.PositiveIntegerField(null=True)
    output_tokens = models.PositiveIntegerField(null=True)
    #: Of a call that was possibly billed, the most that it can have cost; null where it is unknown.
    cost_micro_usd = models.BigIntegerField(null=True)
    #: The day by whose prices it was computed.
    price_date = models.DateField(null=True)
    #: The id of the line that this one corrects.
    corrects = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # One first line of a call, and one correction of each; the way to both, too.
            models.UniqueConstraint(
                fields=["call_id", "corrects"], nulls_distinct=False, name="ledger_line_once"
            ),
        ]
        indexes = [
            models.Index(fields=["run_id"], name="ledger_of_run"),
            models.Index(fields=["project_id", "at"], name="ledger_of_project"),
            # What all projects spent since a day. Lines are written in the order of their times,
            # so the index has a row for many pages, and a new line costs nothing.
            BrinIndex(fields=["at"], name="ledger_at", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.certainty} call of {self.at:%Y-%m-%d %H:%M:%S}"


class Budget(models.Model):
    """What may be spent: by a run, or in a month by a project or the installation.

    What calls may cost at most is held before they begin; no call begins that does not fit.
    """

    class Scope(models.TextChoices):
        RUN = "run"
        PROJECT = "project"
        INSTALLATION = "installation"

    scope = models.CharField(max_length=12, choices=Scope)
    #: Of a run's.
    run_id = models.UUIDField(null=True, blank=True)
    #: Of a project's month.
    project_id = models.UUIDField(null=True, blank=True)
    #: Its first day, in UTC. A call counts in the month in which it began.
    month = models.DateField(null=True, blank=True)
    #: Null: there is no limit any more; what is spent is counted on.
    limit_micro_usd = models.BigIntegerField(null=True, blank=True)
    #: By calls whose cost is known; at most for calls under way; and for those of which nobody
    #: knows whether they were billed.
    spent_micro_usd = models.BigIntegerField(default=0, db_default=0)
    held_micro_usd = models.BigIntegerField(default=0, db_default=0)
    possibly_micro_usd = models.BigIntegerField(default=0, db_default=0)
    #: The highest part of this limit that people were told of, in percent.
    told_percent = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run_id"], condition=Q(scope="run"), name="budget_of_run"
            ),
            models.UniqueConstraint(
                fields=["project_id", "month"],
                condition=Q(scope="project"),
                name="budget_of_project",
            ),
            models.UniqueConstraint(
                fields=["month"], condition=Q(scope="installation"), name="budget_of_installation"
            ),
            models.CheckConstraint(
                condition=Q(scope="run", run_id__isnull=False, project_id=None, month=None)
                | Q(scope="project", run_id=None, project_id__isnull=False, month__isnull=False)
                | Q(scope="installation", run_id=None, project_id=None, month__isnull=False),
                name="budget_has_its_scope",
            ),
        ]

    def __str__(self) -> str:
        return f"budget of {self.scope}"
