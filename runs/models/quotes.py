"""Quotes: what starts would cost and take, as somebody asked before."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from batchgen.db.ids import new_id
from epics.models import Project


class Quote(models.Model):
    """What a start would cost and take. Nothing is spent or held for it; a run that begins with it
    keeps it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="quotes")
    #: Of the start that it is for, as `runs.engine.start.StartPlan` has it.
    body = models.JSONField()
    #: The same as long as what it was made of is: targets, texts, prompts, model.
    content_digest = models.CharField(max_length=64)
    #: As `runs.quotes.quoting.Quoting.answer` has it.
    answer = models.JSONField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    #: A start may name it until then.
    valid_until = models.DateTimeField()
    #: When it is deleted; null where a run began with it.
    expires_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["expires_at"], name="quote_expiry"),  # rows_expire
        ]

    def __str__(self) -> str:
        return f"quote of {self.created_at:%Y-%m-%d %H:%M}"
