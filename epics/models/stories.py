"""Stories and their subtasks."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now, Upper

from batchgen.db.ids import new_id
from epics.models.epics import Epic
from epics.models.parts import Written, search_text
from epics.models.projects import Project

STORY_TEXT = search_text("title", "user_story")


class Story(Written):
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
    created_at = models.DateTimeField(db_default=Now(), editable=False)

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


class Subtask(Written):
    """A piece of work for a story."""

    class Kind(models.TextChoices):
        DESIGN = "design"
        BACKEND = "backend"
        FRONTEND = "frontend"
        DATA = "data"
        TEST = "test"
        DOCS = "docs"
        OPS = "ops"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    story = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="subtasks")
    #: The story's project, as in Story.
    project = models.ForeignKey(
        Project,
        on_delete=models.DO_NOTHING,
        related_name="subtasks",
        db_constraint=False,
        db_index=False,
    )
    code = models.CharField(max_length=70)
    order = models.PositiveIntegerField(default=0)
    title = models.CharField(max_length=500)
    description = models.TextField(blank=True, default="")
    kind = models.CharField(max_length=10, choices=Kind)
    effort_hours = models.DecimalField(max_digits=5, decimal_places=1)
    #: Numbers of the story's acceptance criteria that it serves, from 1.
    criteria = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["project_id", "created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["story", "code"], name="subtask_code_once"),
            models.CheckConstraint(
                condition=Q(effort_hours__gt=0) & Q(effort_hours__lte=1000),
                name="subtask_hours_in_bounds",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "created_at", "id"], name="subtask_of_project"),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.title}"
