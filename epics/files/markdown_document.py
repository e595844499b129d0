"""A backlog as a Markdown document."""

from collections.abc import Iterator

from epics.files.backlog_rows import stories_of
from epics.files.markdown import markdown_line, markdown_text
from epics.files.story_markdown import story_markdown
from epics.models import Project


def export_markdown(project: Project) -> Iterator[str]:
    """A document for people."""
    yield f"# {markdown_line(project.name)}\n\n"
    for text in (project.description, project.source and f"Source: {project.source}"):
        if text:
            yield f"{markdown_text(text)}\n\n"
    for epic, stories in stories_of(project):
        yield f"## {markdown_line(f'{epic.code}: {epic.title}')}\n\n"
        if epic.description:
            yield f"{markdown_text(epic.description)}\n\n"
        for story in stories:
            yield f"### {markdown_line(story['code'] + ': ' + story['title'])}\n\n"
            yield f"{story_markdown(story)}\n\n"
