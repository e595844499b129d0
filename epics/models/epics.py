"""Epics, their cards, and how many stories they have."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Upper

from batchgen.db.ids import new_id
from epics.models.cards import Card
from epics.models.parts import Written, search_index, search_text
from epics.models.projects import Project

EPIC_TEXT = search_text("title", "description")


class Epic(Written):
    """A part of the product, and the cards that it answers."""

    class Origin(models.TextChoices):
        MANUAL = "manual"
        IMPORT = "import"
        GENERATED = "generated"

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
    origin = models.CharField(
        max_length=10, choices=Origin, default=Origin.MANUAL, db_default=Origin.MANUAL
    )

    class Meta:
        ordering = ["order", "id"]
        constraints = [
            models.UniqueConstraint("project", Upper("code"), name="epic_code_once"),
        ]
        indexes = [
            models.Index(fields=["project", "order", "id"], name="epic_in_order"),  # the list
            models.Index(fields=["project", "title", "id"], name="epic_by_title"),
            models.Index(fields=["project", "code", "id"], name="epic_by_code"),
            search_index(EPIC_TEXT, name="epic_search"),
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
