"""Projects, and who may use them."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from batchgen.db.ids import new_id


class TouchedAt(models.DateTimeField):  # type: ignore[type-arg]  # only stubs have them
    """When the row was last saved, by the database's clock. What is in memory keeps the time that
    it was read with."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        return Now()


class Project(models.Model):
    """One product's backlog."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    code = models.CharField(max_length=50, blank=True, default="")
    description = models.TextField(blank=True, default="")
    #: What the model should know about the product beside its cards; part of every prompt.
    context = models.TextField(blank=True, default="")
    #: The language of the generated stories, by its English name.
    language = models.CharField(max_length=50, default="English")
    #: {tone, do, dont, bannedWords, sample}: how pages sound; null: nobody has said so.
    brand_voice = models.JSONField(null=True, blank=True)
    #: What its runs may spend together in a month, in micro-dollars; null: without a limit.
    monthly_budget_micro_usd = models.BigIntegerField(null=True, blank=True)
    #: Where imported material came from, to be named wherever it is shown.
    source = models.TextField(blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = TouchedAt(db_default=Now(), editable=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="project_newest"),  # the list
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """What a user may do in a project. A project begins with its creator as an owner."""

    class Role(models.TextChoices):
        VIEWER = "viewer"  # reads
        EDITOR = "editor"  # reads, edits, runs
        OWNER = "owner"  # everything, members too

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=10, choices=Role)
    #: Asked, and has not accepted yet: without any right.
    invited = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="membership_once"),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="membership_of_project"),  # the list
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"
