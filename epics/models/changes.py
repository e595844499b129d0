"""What was changed, by whom."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from epics.models.projects import Project


class ContentChange(models.Model):
    """A change of a card, an epic, a story or a subtask: who or which run, when, what.

    It outlives the row that it tells of: a story that a run writes anew goes on under its code.
    """

    class Change(models.TextChoices):
        ADDED = "added"
        CHANGED = "changed"
        REMOVED = "removed"
        #: A run wrote it again in the same words: no change, and nothing that it added.
        SAME = "same"

    id = models.BigAutoField(primary_key=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    #: epic, story or subtask.
    kind = models.CharField(max_length=10)
    #: What its code is unique in: the project, the epic, the story.
    parent_id = models.UUIDField()
    code = models.CharField(max_length=70)
    change = models.CharField(max_length=10, choices=Change)
    #: {field: {before, after}}; of what was added or removed one of the two, of the same nothing.
    fields = models.JSONField()
    run_id = models.UUIDField(null=True, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["kind", "parent_id", "code", "-id"], name="change_history"),
            models.Index(
                fields=["run_id", "id"], condition=Q(run_id__isnull=False), name="change_of_run"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.change}"
