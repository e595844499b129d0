"""A backlog as GitHub issues: JSON lines, each the body of one `POST /repos/…/issues`."""

import json
import re
from collections.abc import Iterator

from epics.files.backlog_rows import Fields, stories_of
from epics.files.markdown import markdown_line
from epics.files.story_markdown import story_markdown
from epics.files.tracker_values import plain_label, short_line
from epics.models import Epic, Project

#: What GitHub takes at most, in characters.
_TITLE_CHARS = 256
_BODY_CHARS = 65_536
_LABEL_CHARS = 50
_CUT = "\n\n(The rest is too long for an issue.)"
#: What would call somebody, or link to an issue that is none of this backlog's.
_REFERENCE = re.compile(r"@(?=\w)|#(?=\d)|\bGH-(?=\d)", re.IGNORECASE)


def export_github(project: Project) -> Iterator[str]:
    """A line for each story: {title, body, labels}; its subtasks are a task list."""
    for epic, stories in stories_of(project):
        for story in stories:
            yield json.dumps(_issue(epic, story), ensure_ascii=False) + "\n"


def _issue(epic: Epic, story: Fields) -> Fields:
    epic_line = markdown_line(f"Epic {epic.code}: {epic.title}")
    named = (
        epic.code,
        epic.theme,
        story["persona"],
        story["priority"] and f"priority-{story['priority']}",
        story["effort"] and f"effort-{story['effort']}",
    )
    labels = (plain_label(text)[:_LABEL_CHARS] for text in named)
    return {
        "title": short_line(f"{story['code']}: {story['title']}", _TITLE_CHARS),
        "body": _body(f"{story_markdown(story)}\n\n{epic_line}"),
        "labels": list(dict.fromkeys(filter(None, labels))),
    }


def _body(text: str) -> str:
    quiet = _REFERENCE.sub(r"\g<0><!-- -->", text)
    return quiet if len(quiet) <= _BODY_CHARS else quiet[: _BODY_CHARS - len(_CUT)] + _CUT
