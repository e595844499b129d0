"""A backlog as Gherkin: a feature file for each epic, zipped, with a rule for each story and a
scenario for each of its criteria."""

from collections.abc import Iterable, Iterator
from itertools import chain

from django.utils.text import slugify

from epics.files.backlog_rows import Fields, stories_of
from epics.files.gherkin_dialect import Dialect, dialect_for
from epics.files.gherkin_steps import step_lines
from epics.files.tracker_values import plain_label, short_line
from epics.files.zip_stream import zip_parts
from epics.models import Epic, Project

_NAME_CHARS = 60
_SCENARIO_CHARS = 120


def export_gherkin(project: Project) -> Iterator[bytes]:
    """A ZIP with a `.feature` file for each epic that has stories.

    One for each story would be simpler to read, but an archive is in memory by its list of files,
    and a project may have millions of stories.
    """
    return zip_parts(_files(project))


def _files(project: Project) -> Iterator[tuple[str, Iterator[str]]]:
    dialect = dialect_for(project.language)
    for number, (epic, stories) in enumerate(stories_of(project, subtasks=False), 1):
        first = next(stories, None)
        if first is not None:
            yield _name(number, epic), _feature(epic, chain([first], stories), dialect)


def _feature(epic: Epic, stories: Iterable[Fields], dialect: Dialect) -> Iterator[str]:
    """The file, part by part."""
    if dialect.name != "en":
        yield f"# language: {dialect.name}\n"
    yield _titled(dialect.feature, f"{epic.code}: {epic.title}", "", tags=(epic.code,))
    yield _described(epic.description, dialect, "  ")
    for story in stories:
        priority = story["priority"] and f"priority-{story['priority']}"
        title = f"{story['code']}: {story['title']}"
        yield "\n" + _titled(dialect.rule, title, "  ", tags=(story["code"], priority))
        yield _described(story["userStory"], dialect, "    ")
        for criterion in story["acceptanceCriteria"]:
            yield f"\n    {dialect.scenario}: {short_line(criterion, _SCENARIO_CHARS)}\n"
            yield "".join(f"      {step}\n" for step in step_lines(criterion, dialect))


def _titled(keyword: str, title: str, indent: str, *, tags: Iterable[str]) -> str:
    named = " ".join(f"@{tag}" for tag in map(plain_label, tags) if tag)
    return (f"{indent}{named}\n" if named else "") + f"{indent}{keyword}: {short_line(title)}\n"


def _described(text: str, dialect: Dialect, indent: str) -> str:
    """Lines of a description; a backslash stands before what would be a tag, a comment or a
    keyword."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    marks = ("@", "#", *dialect.titles)
    told = (f"\\{line}" if line.startswith(marks) else line for line in lines if line)
    return "".join(f"{indent}{line}\n" for line in told)


def _name(number: int, epic: Epic) -> str:
    """Of a file: its number makes it the only one of its name on every system."""
    slug = slugify(f"{epic.code} {epic.title}")[:_NAME_CHARS].strip("-")
    return f"{number:05}-{slug}.feature" if slug else f"{number:05}.feature"
