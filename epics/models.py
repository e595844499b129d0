"""The backlog: projects, who may use them, cards, epics and their stories."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Concat, Now, Upper

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


def _text(title: str, more: str) -> Concat:
    """What a search looks at. It never has a line break, so what it finds is in one of the two."""
    return Concat(title, Value("\n"), more, output_field=models.TextField())


def _search(text: Concat, *, name: str) -> GinIndex:
    """The index of a project's searches."""
    return GinIndex("project", OpClass(Upper(text), name="gin_trgm_ops"), name=name)


CARD_TEXT = _text("title", "statement")
EPIC_TEXT = _text("title", "description")
STORY_TEXT = _text("title", "user_story")


class Card(models.Model):
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
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["order", "id"]
        constraints = [
            # In whatever case: people say C1 and c1 and mean the same.
            models.UniqueConstraint("project", Upper("code"), name="card_code_once"),
        ]
        indexes = [
            models.Index(fields=["project", "order", "id"], name="card_in_order"),  # the list
            models.Index(fields=["project", "title", "id"], name="card_by_title"),
            _search(CARD_TEXT, name="card_search"),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.title}"


class Epic(models.Model):
    """A part of the product, and the cards that it answers."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="epics")
    code = models.CharField(max_length=50)
    order = models.PositiveIntegerField(default=0)
    title = models.CharField(max_length=500)
    theme = models.CharField(max_length=200, blank=True, default="")
    description = models.TextField(blank=True, default="")
    business_value = models.TextField(blank=True, default="")
    acceptance_criteria = ArrayField(models.TextField(), default=list, blank=True)
    #: Codes of epics of the same project that come first; they never form a cycle.
    dependencies = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    effort = models.CharField(max_length=50, blank=True, default="")
    impact = models.CharField(max_length=50, blank=True, default="")
    #: 1 comes first; null comes last.
    priority = models.IntegerField(null=True, blank=True)
    cards: "models.ManyToManyField[Card, EpicCard]" = models.ManyToManyField(
        Card, through="EpicCard", related_name="epics"
    )
    #: True once its text or cards changed after its stories were generated.
    stories_outdated = models.BooleanField(default=False)
    #: Counts the changes to what a prompt says of it, so that a run sees one under its hands.
    prompt_revision = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["order", "id"]
        constraints = [
            models.UniqueConstraint("project", Upper("code"), name="epic_code_once"),
        ]
        indexes = [
            models.Index(fields=["project", "order", "id"], name="epic_in_order"),  # the list
            models.Index(fields=["project", "title", "id"], name="epic_by_title"),
            _search(EPIC_TEXT, name="epic_search"),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.title}"


class EpicCard(models.Model):
    """A card stands in an epic, at a place."""

    epic = models.ForeignKey(Epic, on_delete=models.CASCADE, related_name="epic_cards")
    card = models.ForeignKey(Card, on_delete=models.CASCADE, related_name="epic_cards")
    order = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["order", "id"]
        constraints = [
            models.UniqueConstraint(fields=["epic", "card"], name="card_once_in_epic"),
        ]

    def __str__(self) -> str:
        return f"{self.epic_id} {self.card_id}"


class StoryCount(models.Model):
    """How many stories an epic has; no row, none ever.

    Triggers of the stories' table keep it, in the transaction that changes them: counting a
    million rows would hold up a list of projects. Apart from the epic, so that nobody who stores
    an epic writes an old count back.
    """

    epic = models.OneToOneField(
        Epic, primary_key=True, on_delete=models.CASCADE, related_name="+", editable=False
    )
    #: As in Story.
    project = models.ForeignKey(
        Project,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    stories = models.PositiveIntegerField()

    class Meta:
        indexes = [
            # A project's sum. Without the count itself: an update then touches no index.
            models.Index(fields=["project"], name="story_count_of_project"),
        ]

    def __str__(self) -> str:
        return f"{self.epic_id}: {self.stories}"


class Story(models.Model):
    """A user story of an epic, written by a run or by a person."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    epic = models.ForeignKey(Epic, on_delete=models.CASCADE, related_name="stories")
    #: The epic's project, kept here for the project's story list. No foreign key of its own:
    #: the epic's holds it, and a second check of every inserted story costs a tenth of an epic.
    project = models.ForeignKey(
        Project,
        on_delete=models.DO_NOTHING,
        related_name="stories",
        db_constraint=False,
        db_index=False,
    )
    code = models.CharField(max_length=60)
    order = models.PositiveIntegerField(default=0)
    title = models.CharField(max_length=500)
    user_story = models.TextField()
    persona = models.CharField(max_length=200, blank=True, default="")
    acceptance_criteria = ArrayField(models.TextField(), default=list, blank=True)
    technical_notes = models.TextField(null=True, blank=True)
    priority = models.CharField(max_length=20, blank=True, default="")
    effort = models.CharField(max_length=20, blank=True, default="")
    quality_score = models.PositiveSmallIntegerField(null=True, blank=True)
    #: [{criterion, kind, severity, message}]
    defects = models.JSONField(default=list, blank=True)
    #: The run that wrote it, null for a person's own; runs are above this room, so just an id.
    run_id = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    #: When a person last changed it; null while it stands as generated. Runs keep an edited one
    #: unless they are told otherwise.
    edited_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name_plural = "stories"
        ordering = ["project_id", "created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["epic", "code"], name="story_code_once"),
            models.CheckConstraint(
                condition=Q(quality_score__isnull=True) | Q(quality_score__lte=100),
                name="story_score_to_100",
            ),
        ]
        indexes = [
            # The project's list. By the time and not by the id alone: that order the primary key
            # has too, and a plan that walks it meets every other project's stories first.
            models.Index(fields=["project", "created_at", "id"], name="story_of_project"),
            # Its searches. Stories wait in the index's pending list to be sorted in, so that an
            # epic is stored as quickly as without it.
            GinIndex(
                "project",
                Upper("persona"),
                OpClass(Upper(STORY_TEXT), name="gin_trgm_ops"),
                name="story_search",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.title}"
