"""Epics, stories and subtasks, as they are listed, read, edited and reviewed."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from epics import bounds, selectors, services, story_services
from epics.access import Role
from epics.api.serializers import EpicPatch, StoryPatch
from epics.api.subtask_serializers import SubtaskPatch
from epics.models import Epic, Project, ReviewStatus, Story, Subtask
from web.parts.part import REVIEW, Part, tab_address
from web.shapes import CHOICE, HOURS, LONG, NUMBER, NUMBERS, TEXTS, WORDS, Field

_NO = ("", "none")

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


def _epics(project: Project, query: Mapping[str, str]) -> "QuerySet[Epic]":
    found = selectors.epics_list(project=project, search=query.get("q", "")).queryset()
    return _reviewed(found, query)


def _reviewed(rows: "QuerySet[Any]", query: Mapping[str, str]) -> "QuerySet[Any]":
    status = query.get("status", "")
    return rows.filter(review_status=status) if status in ReviewStatus.values else rows


_TITLE = Field(
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
    title=_TITLE,
    fields=(
        _TITLE,
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


def _stories(project: Project, query: Mapping[str, str]) -> "QuerySet[Story]":
    found = selectors.stories_list(
        project=project,
        epic=query.get("epic", ""),
        persona=query.get("persona", ""),
        search=query.get("q", ""),
    )
    return _reviewed(found.queryset().select_related("epic"), query)


STORY = Part(
    kind="story",
    words=("story", "stories"),
    tab="stories",
    title=_TITLE,
    fields=(
        _TITLE,
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
    listed=_stories,
    filters={"epic": ("Epic", ()), "persona": ("Persona", ()), "status": REVIEW},
    keys=("created_at", "id"),
    text=lambda row: row.user_story,
    above=lambda row: (row.epic.code, EPIC.address(row.epic)),
    links=lambda row: [(tab_address(row.project_id, "subtasks", story=row.code), "Its subtasks")],
)

# Subtasks -------------------------------------------------------------------------------------


def _subtask(user: User, subtask_id: UUID, role: Role) -> Subtask:
    return selectors.part_for(Subtask, part_id=subtask_id, user=user, role=role)


def _subtask_update(subtask_id: UUID, changes: dict[str, Any], version: int, user: User) -> None:
    story_services.subtask_update(
        subtask_id=subtask_id, changes=changes, version=version, user=user
    )


def _subtasks(project: Project, query: Mapping[str, str]) -> "QuerySet[Subtask]":
    found = selectors.subtasks_list(
        project=project, epic=query.get("epic", ""), story=query.get("story", "")
    )
    rows = found.queryset().select_related("story")
    if query.get("kind") in Subtask.Kind.values:
        rows = rows.filter(kind=query["kind"])
    if search := query.get("q", ""):
        rows = rows.filter(title__icontains=search)
    return _reviewed(rows, query)


SUBTASK = Part(
    kind="subtask",
    words=("subtask", "subtasks"),
    tab="subtasks",
    title=_TITLE,
    fields=(
        _TITLE,
        Field(
            name="description",
            label="Description",
            column="description",
            shape=LONG,
            most=bounds.TEXT_CHARS,
        ),
        Field(
            name="kind",
            label="Kind",
            column="kind",
            shape=CHOICE,
            choices=tuple(Subtask.Kind.choices),
        ),
        Field(
            name="effortHours",
            label="Hours",
            column="effort_hours",
            shape=HOURS,
            required=True,
            help="One decimal at most.",
        ),
        Field(
            name="criteria",
            label="Serves the criteria",
            column="criteria",
            shape=NUMBERS,
            help="Numbers of the story's acceptance criteria, from 1.",
        ),
    ),
    patch=SubtaskPatch,
    read=_subtask,
    update=_subtask_update,
    listed=_subtasks,
    filters={
        "epic": ("Epic", ()),
        "story": ("Story", ()),
        "kind": ("Kind", tuple(Subtask.Kind.choices)),
        "status": REVIEW,
    },
    keys=("created_at", "id"),
    text=lambda row: row.description,
    above=lambda row: (row.story.code, STORY.address(row.story)),
)
