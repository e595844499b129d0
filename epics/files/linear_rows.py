"""A backlog as Linear's importer takes it: its own CSV, one issue a story."""

from collections.abc import Iterator
from typing import Any

from epics.files.backlog_rows import Fields, stories_of
from epics.files.csv_rows import csv_rows
from epics.files.story_markdown import story_markdown
from epics.files.tracker_values import plain_label, points, rank, short_line
from epics.models import Epic, Project

#: As in its exports, of which it also takes off the apostrophe before what would be a formula.
_HEAD = [
    "Title",
    "Description",
    "Status",
    "Estimate",
    "Priority",
    "Project",
    "Assignee",
    "Labels",
]
_PRIORITIES = {0: "Urgent", 1: "High", 2: "Medium", 3: "Low", None: "No priority"}


def export_linear(project: Project) -> Iterator[str]:
    """A row for each story, with its epic as project and label, and its subtasks as a task list."""
    return csv_rows([_HEAD], _rows(project))


def _rows(project: Project) -> Iterator[list[Any]]:
    for epic, stories in stories_of(project):
        for story in stories:
            yield _row(epic, story)


def _row(epic: Epic, story: Fields) -> list[Any]:
    labels = map(plain_label, (epic.code, epic.theme, story["persona"]))
    return [
        short_line(f"{story['code']}: {story['title']}"),
        story_markdown(story),
        "Backlog",
        points(story["effort"]),
        _PRIORITIES[rank(story["priority"])],
        short_line(f"{epic.code}: {epic.title}"),
        "",
        ", ".join(dict.fromkeys(filter(None, labels))),
    ]
