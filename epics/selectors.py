"""Reads of the backlog; a list is one query, whatever stands in it."""

from collections.abc import Collection
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Case,
    CharField,
    Count,
    F,
    IntegerField,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from batchgen.db.compiled_query import CompiledRows
from batchgen.errors import NotFound
from epics.access import Role, Somebody, is_staff, project_require, projects_of
from epics.models import (
    CARD_TEXT,
    EPIC_TEXT,
    STORY_TEXT,
    Card,
    ContentChange,
    Epic,
    EpicCard,
    Membership,
    Project,
    Story,
    StoryCount,
    Subtask,
    Upload,
    Written,
)
from epics.registry import content_of, figures_of

M = TypeVar("M", bound=Model)
P = TypeVar("P", Card, Epic, Story, Subtask, Upload, Membership)


def projects_list(*, user: Somebody, search: str = "") -> CompiledRows[Project]:
    """What the user may see, with counts and the id of an active run."""
    everything = is_staff(user)
    user_id = None if everything else user.pk
    return CompiledRows(_projects, user_id=user_id, everything=everything, search=search)


def _projects(*, user_id: int | None, everything: bool, search: str) -> "QuerySet[Project]":
    projects = projects_with_figures(Project.objects.order_by())
    if not everything:
        projects = projects.filter(pk__in=projects_of(user_id=user_id))
    if search:
        projects = projects.filter(Q(name__icontains=search) | Q(code__icontains=search))
    return projects


def project_read(*, project_id: UUID) -> Project:
    """One project as `projects_list` has it.

    Raises:
        NotFound: it was deleted in the meantime.
    """
    return _found(CompiledRows(_project, project_id=project_id))


def _project(*, project_id: UUID) -> "QuerySet[Project]":
    return projects_with_figures(Project.objects.order_by().filter(pk=project_id))


def members_list(*, project: Project) -> CompiledRows[Membership]:
    """The project's members with their users."""
    return CompiledRows(_members, project_id=project.pk)


def _members(*, project_id: UUID) -> "QuerySet[Membership]":
    return Membership.objects.filter(project=project_id).select_related("user")


def cards_list(*, project: Project, search: str = "") -> CompiledRows[Card]:
    """The project's cards."""
    return CompiledRows(_cards, project_id=project.pk, search=search)


def _cards(*, project_id: UUID, search: str) -> "QuerySet[Card]":
    cards = Card.objects.filter(project=project_id)
    if search:
        cards = cards.alias(text=CARD_TEXT).filter(text__icontains=search)
    return cards


def cards_of(*, project: Project, codes: Collection[str]) -> "QuerySet[Card]":
    """The project's cards with these codes."""
    return Card.objects.filter(project=project, code__in=codes)


def uploads_list(*, project: Project) -> CompiledRows[Upload]:
    """The project's uploads without their texts, each with `card_count`, `status_now` and `error`,
    of the last run where that failed."""
    return CompiledRows(_uploads, project_id=project.pk)


def _uploads(*, project_id: UUID) -> "QuerySet[Upload]":
    return _uploads_to_list().filter(project=project_id)


def upload_read(*, upload_id: UUID) -> Upload:
    """One upload as `uploads_list` has it.

    Raises:
        NotFound: it was deleted in the meantime.
    """
    return _found(CompiledRows(_upload, upload_id=upload_id))


def _upload(*, upload_id: UUID) -> "QuerySet[Upload]":
    return _uploads_to_list().filter(pk=upload_id)


def epics_list(*, project: Project, search: str = "") -> CompiledRows[Epic]:
    """The project's epics with the codes of their cards and the number of their stories."""
    return CompiledRows(_epics, project_id=project.pk, search=search)


def _epics(*, project_id: UUID, search: str) -> "QuerySet[Epic]":
    epics = epics_with_figures(Epic.objects.filter(project=project_id))
    if search:
        epics = epics.alias(text=EPIC_TEXT).filter(text__icontains=search)
    return epics


def epic_read(*, epic_id: UUID) -> Epic:
    """One epic as `epics_list` has it.

    Raises:
        NotFound: it was deleted in the meantime.
    """
    return _found(CompiledRows(_epic, epic_id=epic_id))


def _epic(*, epic_id: UUID) -> "QuerySet[Epic]":
    return epics_with_figures(Epic.objects.filter(pk=epic_id))


def stories_list(
    *,
    project: Project,
    epic: UUID | str | None = None,
    persona: str = "",
    search: str = "",
    review_status: str = "",
) -> CompiledRows[Story]:
    """The project's stories.

    Args:
        epic: an epic's id or code.
        persona: whole, in any case.
        search: part of the title or the story, in any case.
        review_status: of ReviewStatus.
    """
    return CompiledRows(
        _stories,
        project_id=project.pk,
        epic=epic,
        persona=persona,
        search=search,
        review_status=review_status,
    )


def _stories(
    *, project_id: UUID, epic: UUID | str | None, persona: str, search: str, review_status: str
) -> "QuerySet[Story]":
    stories = Story.objects.filter(project=project_id)
    if isinstance(epic, UUID):
        stories = stories.filter(epic_id=epic)
    elif epic:
        # Said of both tables, or PostgreSQL looks for the code in all projects.
        stories = stories.filter(epic__project=project_id, epic__code=epic)
    if persona:
        stories = stories.filter(persona__iexact=persona)
    if search:
        stories = stories.alias(text=STORY_TEXT).filter(text__icontains=search)
    if review_status:
        stories = stories.filter(review_status=review_status)
    return stories


def subtasks_list(
    *, project: Project, epic: UUID | str | None = None, story: UUID | str | None = None
) -> CompiledRows[Subtask]:
    """The project's subtasks.

    Args:
        epic, story: an id or a code.
    """
    return CompiledRows(_subtasks, project_id=project.pk, epic=epic, story=story)


def _subtasks(
    *, project_id: UUID, epic: UUID | str | None, story: UUID | str | None
) -> "QuerySet[Subtask]":
    subtasks = Subtask.objects.filter(project=project_id)
    if isinstance(epic, UUID):
        subtasks = subtasks.filter(story__epic_id=epic)
    elif epic:
        subtasks = subtasks.filter(story__epic__project=project_id, story__epic__code=epic)
    if isinstance(story, UUID):
        subtasks = subtasks.filter(story_id=story)
    elif story:
        subtasks = subtasks.filter(story__project=project_id, story__code=story)
    return subtasks


def history_list(row: Written) -> CompiledRows[ContentChange]:
    """What was changed in what has this row's code, also before the row was made."""
    content = content_of(type(row))
    if content is None:
        raise AssertionError(f"{type(row).__name__} is not registered")
    return CompiledRows(
        _history, kind=content.kind, parent_id=getattr(row, content.parent), code=vars(row)["code"]
    )


def _history(*, kind: str, parent_id: UUID, code: str) -> "QuerySet[ContentChange]":
    changes = ContentChange.objects.filter(kind=kind, parent_id=parent_id, code=code)
    return changes.exclude(change=ContentChange.Change.SAME).select_related("user")


def part_for(
    model: type[P], *, part_id: UUID, user: Somebody, role: Membership.Role = Role.VIEWER
) -> P:
    """A part of a project, or a member, with its project, where the user has at least this role.

    Raises:
        NotFound, Forbidden: as `epics.access.project_require`.
    """
    part: P = _found(CompiledRows(_part, model=model, part_id=part_id))
    project_require(user=user, project=part.project, role=role)
    return part


def _part(*, model: type[Model], part_id: UUID) -> "QuerySet[Any]":
    return model._default_manager.select_related("project").filter(pk=part_id)


def _found(rows: CompiledRows[M]) -> M:
    row = rows.first()
    if row is None:
        raise NotFound
    return row


def epics_with_figures(epics: "QuerySet[Epic]") -> "QuerySet[Epic]":
    """Each with `card_codes` and `story_count`."""
    places = EpicCard.objects.filter(epic=OuterRef("pk")).order_by("order", "id")
    return epics.annotate(
        card_codes=ArraySubquery(places.values("card__code")),
        story_count=_whole(StoryCount.objects.filter(epic=OuterRef("pk")).values("stories")),
    )


def projects_with_figures(projects: "QuerySet[Project]") -> "QuerySet[Project]":
    """Each with `epic_count`, `card_count`, `story_count`, and what others have registered, as runs
    do `active_run_id`."""
    return projects.annotate(
        epic_count=_whole(_of_project(Epic).annotate(n=Count("pk")).values("n")),
        card_count=_whole(_of_project(Card).annotate(n=Count("pk")).values("n")),
        story_count=_whole(_of_project(StoryCount).annotate(n=Sum("stories")).values("n")),
        **figures_of(Project),
    )


def _uploads_to_list() -> "QuerySet[Upload]":
    failure = figures_of(Upload).get("failure", Value(None, output_field=TextField()))
    failed = When(error__isnull=False, then=Value(Upload.Status.FAILED))
    cards = Card.objects.filter(upload=OuterRef("pk")).order_by().values("upload")
    return (
        Upload.objects.order_by()
        .annotate(card_count=_whole(cards.annotate(n=Count("pk")).values("n")), error=failure)
        .annotate(status_now=Case(failed, default=F("status"), output_field=CharField()))
    )


def _of_project(model: type[Model]) -> "QuerySet[Any, Any]":
    rows = model._default_manager.filter(project=OuterRef("pk"))
    return rows.order_by().values("project")


def _whole(number: "QuerySet[Any, Any]") -> Coalesce:
    return Coalesce(Subquery(number), 0, output_field=IntegerField())
