"""Epics and stories, as they are listed, read, edited, reviewed and deleted."""

from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from content.kind import counted
from epics import bounds, selectors, services, story_services
from epics.access import Role
from epics.api.serializers import EpicPatch, StoryPatch
from epics.models import Epic, Project, Story, Subtask
from web.parts.part import REVIEW, Part, reviewed, tab_address
from web.shapes import CHOICE, LONG, NUMBER, TEXTS, WORDS, Field

_NO = ("", "none")
_SUBTASKS = ("subtask", "subtasks")

# Epics ----------------------------------------------------------------------------------------


def _epic(user: User, epic_id: UUID, role: Role) -> Epic:
    held = selectors.part_for(Epic, part_id=epic_id, user=user, role=role)
    found = selectors.epic_read(epic_id=epic_id)
    found.project = held.project
    return found


def _epic_update(epic_id: UUID, changes: dict[str, Any], version: int, user: User) -> None:
    codes = changes.pop("card_codes", None)
    services.epic_update(
        epic_id=epic_id, changes=changes, card_codes=codes, version=version, user=user
    )


def _epic_delete(epic_id: UUID, version: int, user: User) -> bool:
    return services.epic_delete(epic_id=epic_id, version=version, user=user)


def _of_epics(ids: Collection[UUID]) -> list[str]:
    stories = Story.objects.filter(epic__in=ids)
    subtasks = Subtask.objects.filter(story__epic__in=ids)
    return [counted(stories.count(), STORY.words), counted(subtasks.count(), _SUBTASKS)]


def _dependents_first(ids: Collection[UUID]) -> list[UUID]:
    """Who deletes what another depends on changes that other."""
    rows = list(Epic.objects.filter(pk__in=ids).values_list("pk", "code", "dependencies"))
    by_code = {code: pk for pk, code, _ in rows}
    graph = TopologicalSorter({code: dependencies for _, code, dependencies in rows})
    return [by_code[code] for code in reversed(list(graph.static_order())) if code in by_code]


def _epics(project: Project, query: Mapping[str, str]) -> "QuerySet[Epic]":
    found = selectors.epics_list(project=project, search=query.get("q", "")).queryset()
    return reviewed(found, query)


TITLE = Field(
    name="title", label="Title", column="title", most=bounds.TITLE_CHARS, required=True,
    marks="title", read=False,
)  # fmt: skip
_CRITERIA = Field(
    name="acceptanceCriteria", label="Acceptance criteria", column="acceptance_criteria",
    shape=TEXTS, most=bounds.CRITERION_CHARS, marks="acceptanceCriteria",
)  # fmt: skip

EPIC = Part(
    kind="epic",
    words=("epic", "epics"),
    tab="epics",
    title=TITLE,
    fields=(
        TITLE,
        Field(name="theme", label="Theme", column="theme", most=bounds.NAME_CHARS),
        Field(
            name="description",
            label="Description",
            column="description",
            shape=LONG,
            most=bounds.TEXT_CHARS,
        ),
        Field(
            name="businessValue",
            label="Business value",
            column="business_value",
            shape=LONG,
            most=bounds.TEXT_CHARS,
        ),
        _CRITERIA,
        Field(
            name="dependencies",
            label="After",
            column="dependencies",
            shape=WORDS,
            help="Codes of epics that come first, one a line.",
        ),
        Field(
            name="cardCodes",
            label="Cards",
            column="card_codes",
            shape=WORDS,
            help="Codes of its cards in their order, one a line.",
        ),
        Field(name="effort", label="Effort", column="effort", most=bounds.CODE_CHARS),
        Field(name="impact", label="Impact", column="impact", most=bounds.CODE_CHARS),
        Field(
            name="priority",
            label="Priority",
            column="priority",
            shape=NUMBER,
            most=bounds.MAX_PRIORITY,
            help="1 comes first.",
        ),
    ),
    patch=EpicPatch,
    read=_epic,
    update=_epic_update,
    delete=_epic_delete,
    below=_of_epics,
    removal=_dependents_first,
    listed=_epics,
    filters={"status": REVIEW},
    keys=("order", "id"),
    text=lambda row: row.description,
    links=lambda row: [
        (tab_address(row.project_id, "stories", epic=row.code), "Its stories"),
        (tab_address(row.project_id, "subtasks", epic=row.code), "Their subtasks"),
    ],
    facts=lambda row: (
        [f"origin {row.origin}"] + (["its stories are outdated"] if row.stories_outdated else [])
    ),
)

# Stories --------------------------------------------------------------------------------------


def _story(user: User, story_id: UUID, role: Role) -> Story:
    return selectors.part_for(Story, part_id=story_id, user=user, role=role)


def _story_update(story_id: UUID, changes: dict[str, Any], version: int, user: User) -> None:
    story_services.story_update(story_id=story_id, changes=changes, version=version, user=user)


def _story_delete(story_id: UUID, version: int, user: User) -> bool:
    return story_services.story_delete(story_id=story_id, version=version, user=user)


def _of_stories(ids: Collection[UUID]) -> list[str]:
    return [counted(Subtask.objects.filter(story__in=ids).count(), _SUBTASKS)]


def _stories(project: Project, query: Mapping[str, str]) -> "QuerySet[Story]":
    found = selectors.stories_list(
        project=project,
        epic=query.get("epic", ""),
        persona=query.get("persona", ""),
        search=query.get("q", ""),
    )
    return reviewed(found.queryset().select_related("epic"), query)


STORY = Part(
    kind="story",
    words=("story", "stories"),
    tab="stories",
    title=TITLE,
    fields=(
        TITLE,
        Field(
            name="userStory",
            label="Story",
            column="user_story",
            shape=LONG,
            most=bounds.TEXT_CHARS,
            required=True,
            marks="userStory",
        ),
        Field(
            name="persona",
            label="Persona",
            column="persona",
            most=bounds.NAME_CHARS,
            marks="persona",
        ),
        _CRITERIA,
        Field(
            name="technicalNotes",
            label="Technical notes",
            column="technical_notes",
            shape=LONG,
            most=bounds.TEXT_CHARS,
        ),
        Field(
            name="priority",
            label="Priority",
            column="priority",
            shape=CHOICE,
            choices=(_NO, ("high", "high"), ("medium", "medium"), ("low", "low")),
        ),
        Field(
            name="effort",
            label="Effort",
            column="effort",
            shape=CHOICE,
            choices=(_NO, ("S", "S"), ("M", "M"), ("L", "L")),
        ),
    ),
    patch=StoryPatch,
    read=_story,
    update=_story_update,
    delete=_story_delete,
    below=_of_stories,
    listed=_stories,
    filters={"epic": ("Epic", ()), "persona": ("Persona", ()), "status": REVIEW},
    keys=("created_at", "id"),
    text=lambda row: row.user_story,
    above=lambda row: (row.epic.code, EPIC.address(row.epic)),
    links=lambda row: [(tab_address(row.project_id, "subtasks", story=row.code), "Its subtasks")],
)
