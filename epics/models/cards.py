"""What somebody voiced, and the material that it was found in."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Value
from django.db.models.functions import Now, Upper

from batchgen.db.ids import new_id
from epics.models.parts import Written, search_index, search_text
from epics.models.projects import Project


class UploadManager(models.Manager["Upload"]):
    """Leaves the texts where they are; who wants one asks for it."""

    def get_queryset(self) -> "models.QuerySet[Upload]":
        return super().get_queryset().defer("text")


class Upload(models.Model):
    """A file or a text that somebody handed in: interview notes, tickets, a document."""

    class Status(models.TextChoices):
        NEW = "NEW"
        ANALYZED = "ANALYZED"  # a run stored its cards
        FAILED = "FAILED"  # never stored: shown while the last run could not, which runs know

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="uploads")
    name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=100)
    #: Of the file as it was handed in; only its text is kept.
    bytes = models.PositiveIntegerField()
    #: As it was found in it, tidied; up to 4 million characters.
    text = models.TextField()
    characters = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.NEW)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = UploadManager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["project", "-created_at", "-id"], name="upload_of_project"),
        ]

    def __str__(self) -> str:
        return self.name


CARD_TEXT = search_text("title", "statement")


class Card(Written):
    """One use case, as somebody voiced it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="cards")
    code = models.CharField(max_length=50)
    order = models.PositiveIntegerField(default=0)
    title = models.CharField(max_length=500)
    persona = models.CharField(max_length=200, blank=True, default="")
    statement = models.TextField(blank=True, default="")
    problem = models.TextField(null=True, blank=True)
    systems = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    themes = ArrayField(
        models.CharField(max_length=200),
        default=list,
        db_default=Value([], ArrayField(models.CharField(max_length=200))),
        blank=True,
    )
    #: Where a run found it, and the words there that it rests on; "" where it names none.
    upload = models.ForeignKey(
        Upload, null=True, blank=True, on_delete=models.SET_NULL, related_name="cards"
    )
    quote = models.TextField(blank=True, default="", db_default="")

    class Meta:
        ordering = ["order", "id"]
        constraints = [
            # In whatever case: people say C1 and c1 and mean the same.
            models.UniqueConstraint("project", Upper("code"), name="card_code_once"),
        ]
        indexes = [
            models.Index(fields=["project", "order", "id"], name="card_in_order"),  # the list
            models.Index(fields=["project", "title", "id"], name="card_by_title"),
            models.Index(fields=["project", "code", "id"], name="card_by_code"),
            search_index(CARD_TEXT, name="card_search"),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.title}"
