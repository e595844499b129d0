"""A backlog as the CSV import of Azure Boards takes it: a tree of work items (Agile process)."""

from collections.abc import Iterable, Iterator
from typing import Any

from epics.files.backlog_rows import Fields, stories_of
from epics.files.csv_rows import csv_rows, html_text
from epics.files.tracker_values import hours, plain_label, points, rank, short_line
from epics.models import Epic, Project

#: A work item's title stands in the column of its depth, which is how it finds its parent.
_HEAD = [
    "Work Item Type",
    "Title 1",
    "Title 2",
    "Title 3",
    "Description",
    "Acceptance Criteria",
    "Tags",
    "Priority",
    "Effort",
    "Story Points",
    "Original Estimate",
    "Remaining Work",
    "Activity",
]
#: The least of its four priorities.
_LAST_PRIORITY = 4
_ACTIVITIES = {
    "design": "Design",
    "backend": "Development",
    "frontend": "Development",
    "data": "Development",
    "test": "Testing",
    "docs": "Documentation",
    "ops": "Deployment",
}


def export_azure(project: Project) -> Iterator[str]:
    """A row for each epic, its stories below it, and their subtasks as tasks below them."""
    return csv_rows([_HEAD], _rows(project))


def _rows(project: Project) -> Iterator[list[Any]]:
    for epic, stories in stories_of(project):
        yield _epic_row(epic)
        for story in stories:
            yield _story_row(story)
            yield from map(_task_row, story["subtasks"])


def _epic_row(epic: Epic) -> list[Any]:
    about = _paragraphs(epic.description, epic.business_value)
    priority = "" if epic.priority is None else min(max(epic.priority, 1), _LAST_PRIORITY)
    return [
        "Epic", short_line(f"{epic.code}: {epic.title}"), "", "", about,
        _list(epic.acceptance_criteria), _tags(epic.theme), priority, points(epic.effort),
        "", "", "", "",
    ]  # fmt: skip


def _story_row(story: Fields) -> list[Any]:
    about = _paragraphs(story["userStory"], story["technicalNotes"])
    ranked = rank(story["priority"])
    priority = "" if ranked is None else max(ranked, 1)
    return [
        "User Story", "", short_line(f"{story['code']}: {story['title']}"), "", about,
        _list(story["acceptanceCriteria"]), _tags(story["persona"]), priority, "",
        points(story["effort"]), "", "", "",
    ]  # fmt: skip


def _task_row(subtask: Fields) -> list[Any]:
    title = short_line(f"{subtask['code']}: {subtask['title']}")
    effort = hours(subtask)
    return [
        "Task", "", "", title, _paragraphs(subtask["description"]), "", _tags(subtask["kind"]), "",
        "", "", effort, effort, _ACTIVITIES[subtask["kind"]],
    ]  # fmt: skip


def _paragraphs(*texts: str | None) -> str:
    return "".join(f"<p>{html_text(text)}</p>" for text in texts if text)


def _list(criteria: Iterable[str]) -> str:
    entries = "".join(f"<li>{html_text(text)}</li>" for text in criteria)
    return f"<ul>{entries}</ul>" if entries else ""


def _tags(*texts: str) -> str:
    return "; ".join(filter(None, map(plain_label, texts)))
