"""What a run's health was."""

from django.db import models
from django.db.models import Q

from runs.models.run import Run
from runs.states import HealthVerdict


class HealthPeriod(models.Model):
    """A time in which a run's health had one verdict and one next action, as a worker noticed it.
    Of a run that is not over one is open; see `runs.health_history`."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", db_index=False)
    verdict = models.CharField(max_length=10, choices=HealthVerdict)
    #: As it was first noticed.
    reason = models.TextField()
    #: Empty: nothing had to be done.
    next_action = models.TextField(blank=True, default="", db_default="")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Of two processes that notice the same one, one writes it.
            models.UniqueConstraint(
                fields=["run"], condition=Q(until__isnull=True), name="health_open_once"
            ),
        ]
        indexes = [models.Index(fields=["run", "-id"], name="health_of_run")]

    def __str__(self) -> str:
        return f"{self.verdict} since {self.since:%Y-%m-%d %H:%M:%S}"
