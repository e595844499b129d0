"""A backlog as CSV for spreadsheets."""

from collections.abc import Iterator

from epics.files.backlog_rows import stories_of
from epics.files.csv_rows import csv_rows
from epics.files.tracker_values import subtask_line
from epics.models import Project

_COLUMNS = {
    "persona": "Persona",
    "userStory": "User story",
    "acceptanceCriteria": "Acceptance criteria",
    "technicalNotes": "Technical notes",
    "priority": "Priority",
    "effort": "Effort",
    "score": "Quality score",
}
_HEAD = ["Epic code", "Epic", "Story code", "Story", *_COLUMNS.values(), "Subtasks"]


def export_csv(project: Project) -> Iterator[str]:
    """One row a story; its subtasks are lines of a cell."""
    rows = (
        [
            *(epic.code, epic.title, story["code"], story["title"]),
            *(story[key] for key in _COLUMNS),
            [subtask_line(subtask) for subtask in story["subtasks"]],
        ]
        for epic, stories in stories_of(project)
        for story in stories
    )
    return csv_rows([_HEAD], rows)
