"""Closed gates, and who closed or opened one."""

from django.db import models
from django.db.models.functions import Now


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
