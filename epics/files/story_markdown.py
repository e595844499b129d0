"""A story in Markdown, for a document and for trackers that show it."""

from collections.abc import Iterator

from epics.files.backlog_rows import Fields
from epics.files.markdown import markdown_line, markdown_text
from epics.files.tracker_values import subtask_line

_FACTS = {"Persona": "persona", "Priority": "priority", "Effort": "effort"}


def story_markdown(story: Fields) -> str:
    """All of a story but its code and title; its subtasks are a task list."""
    return "\n\n".join(filter(None, _parts(story)))


def _parts(story: Fields) -> Iterator[str]:
    yield markdown_text(story["userStory"])
    facts = ((name, story[key]) for name, key in _FACTS.items())
    yield " · ".join(f"{name}: {markdown_line(value)}" for name, value in facts if value)
    if story["acceptanceCriteria"]:
        yield "Acceptance criteria:"
        yield "\n".join(f"- {markdown_line(text)}" for text in story["acceptanceCriteria"])
    if story["technicalNotes"]:
        yield markdown_text(story["technicalNotes"])
    if story["subtasks"]:
        yield "Subtasks:"
        yield "\n".join(map(_task, story["subtasks"]))


def _task(subtask: Fields) -> str:
    line = f"- [ ] {markdown_line(subtask_line(subtask))}"
    about = markdown_line(subtask["description"])
    return f"{line}\\\n  {about}" if about else line
