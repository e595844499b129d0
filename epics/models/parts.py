"""What the backlog's tables have in common."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Value
from django.db.models.functions import Concat, Upper


class ReviewStatus(models.TextChoices):
    DRAFT = "draft"
    APPROVED = "approved"
    REJECTED = "rejected"


class Written(models.Model):
    """What runs and people write: who wrote it last, and what a reviewer said of it."""

    #: The run that wrote it, null for a person's own; runs are above this room, so just an id.
    run_id = models.UUIDField(null=True, blank=True)
    #: When a person last changed it; null while it stands as generated. Runs keep an edited one
    #: unless they are told otherwise.
    edited_at = models.DateTimeField(null=True, blank=True)
    #: Of the version that the reviewer saw; an edit of its content makes it a draft again.
    review_status = models.CharField(
        max_length=10,
        choices=ReviewStatus,
        default=ReviewStatus.DRAFT,
        db_default=ReviewStatus.DRAFT,
    )
    review_note = models.TextField(blank=True, default="", db_default="")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        abstract = True


def search_text(title: str, more: str) -> Concat:
    """What a search looks at. It never has a line break, so what it finds is in one of the two."""
    return Concat(title, Value("\n"), more, output_field=models.TextField())


def search_index(text: Concat, *, name: str) -> GinIndex:
    """The index of a project's searches."""
    return GinIndex("project", OpClass(Upper(text), name="gin_trgm_ops"), name=name)
