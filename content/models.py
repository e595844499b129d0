"""Prompts as staff edited them."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from batchgen.db.ids import new_id


class PromptSet(models.Model):
    """A version of a kind's prompts. Its row never changes: runs that began with it keep it.

    PostgreSQL refuses to change what it says; so does nobody have to remember.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: Of content, as in `content.registry`.
    kind = models.CharField(max_length=20)
    version = models.PositiveIntegerField()
    #: {template's name: text} of those that differ from their files; none: all are the files.
    texts = models.JSONField(default=dict, blank=True)
    note = models.CharField(max_length=500, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "version of prompts"
        verbose_name_plural = "prompts"
        ordering = ["kind", "-version"]
        constraints = [
            # Of two people who save at the same time one is told.
            models.UniqueConstraint(fields=["kind", "version"], name="prompt_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}, version {self.version}"
