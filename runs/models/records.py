"""What a run leaves: its log, and the trail of who did what."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from runs.models.run import Run


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
    item_code = models.CharField(max_length=60, blank=True, default="")
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
        CANCEL_ITEM = "cancel-item"
        RETRY = "retry"
        PRIORITY = "priority"
        ADD = "add"

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
