"""A backlog as Jira's CSV importer takes it."""

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from epics.files.backlog_rows import Fields, stories_of
from epics.files.csv_rows import csv_rows, wiki_text
from epics.files.tracker_values import plain_label, short_line
from epics.models import Project

_SPACES = re.compile(r"\s+")
_HEAD = [
    "Issue Type",
    "Summary",
    "Description",
    "Epic Name",
    "Epic Link",
    "Priority",
    "Labels",
    "Issue Id",
    "Parent Id",
    "Original Estimate",
]
_HOUR_S = 3600


def export_jira(project: Project) -> Iterator[str]:
    """A row for each epic, then its stories, linked by its name, and their subtasks, linked by
    their story's number."""
    return csv_rows([_HEAD], _rows(project))


def _rows(project: Project) -> Iterator[list[Any]]:
    numbers = count(1)
    for epic, stories in stories_of(project):
        # Jira links by name, so the code keeps epics of the same title apart.
        name = short_line(f"{epic.code}: {epic.title}")
        label = plain_label(epic.theme)
        about = wiki_text(epic.description)
        yield ["Epic", name, about, name, "", "", label, next(numbers), "", ""]
        for story in stories:
            number = next(numbers)
            yield _story_row(story, name, label, number)
            for subtask in story["subtasks"]:
                yield _subtask_row(subtask, next(numbers), number)


def _story_row(story: Fields, epic_name: str, label: str, number: int) -> list[Any]:
    labels = " ".join(filter(None, [label, plain_label(story["persona"])]))
    priority = story["priority"].capitalize()
    title, about = short_line(story["title"]), _description(story)
    return ["Story", title, about, "", epic_name, priority, labels, number, "", ""]


def _subtask_row(subtask: Fields, number: int, story: int) -> list[Any]:
    title, about = short_line(subtask["title"]), wiki_text(subtask["description"])
    seconds = round(float(subtask["effortHours"]) * _HOUR_S)
    return ["Sub-task", title, about, "", "", "", subtask["kind"], number, story, seconds]


def _description(story: Fields) -> str:
    parts = [wiki_text(story["userStory"])]
    if story["acceptanceCriteria"]:
        criteria = (_SPACES.sub(" ", wiki_text(text)) for text in story["acceptanceCriteria"])
        parts.append("\n".join(["h4. Acceptance criteria", *(f"* {text}" for text in criteria)]))
    if story["technicalNotes"]:
        parts.append(f"h4. Technical notes\n{wiki_text(story['technicalNotes'])}")
    return "\n\n".join(parts)
