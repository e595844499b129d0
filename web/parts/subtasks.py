"""Subtasks, as they are listed, read, edited, reviewed and deleted."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from epics import bounds, selectors, story_services
from epics.access import Role
from epics.api.subtask_serializers import SubtaskPatch
from epics.models import Project, Subtask
from web.parts.backlog import STORY, TITLE
from web.parts.part import REVIEW, Part, reviewed
from web.shapes import CHOICE, HOURS, LONG, NUMBERS, Field


def _subtask(user: User, subtask_id: UUID, role: Role) -> Subtask:
    return selectors.part_for(Subtask, part_id=subtask_id, user=user, role=role)


def _subtask_update(subtask_id: UUID, changes: dict[str, Any], version: int, user: User) -> None:
    story_services.subtask_update(
        subtask_id=subtask_id, changes=changes, version=version, user=user
    )


def _subtask_delete(subtask_id: UUID, version: int, user: User) -> bool:
    return story_services.subtask_delete(subtask_id=subtask_id, version=version, user=user)


def _subtasks(project: Project, query: Mapping[str, str]) -> "QuerySet[Subtask]":
    found = selectors.subtasks_list(
        project=project, epic=query.get("epic", ""), story=query.get("story", "")
    )
    rows = found.queryset().select_related("story")
    if query.get("kind") in Subtask.Kind.values:
        rows = rows.filter(kind=query["kind"])
    if search := query.get("q", ""):
        rows = rows.filter(title__icontains=search)
    return reviewed(rows, query)


SUBTASK = Part(
    kind="subtask",
    words=("subtask", "subtasks"),
    tab="subtasks",
    title=TITLE,
    fields=(
        TITLE,
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
    delete=_subtask_delete,
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
