"""A backlog as Gherkin: a feature file for each story, zipped, with a scenario a criterion."""

from collections.abc import Iterator

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
    """A ZIP with a folder for each epic and a `.feature` file for each of its stories."""
    return zip_parts(_files(project))


def _files(project: Project) -> Iterator[tuple[str, str]]:
    dialect = dialect_for(project.language)
    for epic_number, (epic, stories) in enumerate(stories_of(project), 1):
        folder = _name(epic_number, epic.code, epic.title)
        for number, story in enumerate(stories, 1):
            name = _name(number, story["code"], story["title"])
            yield f"{folder}/{name}.feature", feature_text(epic, story, dialect)


def feature_text(epic: Epic, story: Fields, dialect: Dialect) -> str:
    """The feature file of a story, with a scenario for each acceptance criterion."""
    return "\n".join(_lines(epic, story, dialect)) + "\n"


def _lines(epic: Epic, story: Fields, dialect: Dialect) -> Iterator[str]:
    if dialect.name != "en":
        yield f"# language: {dialect.name}"
    named = (epic.code, story["code"], story["priority"] and f"priority-{story['priority']}")
    tags = dict.fromkeys(filter(None, map(plain_label, named)))
    if tags:
        yield " ".join(f"@{tag}" for tag in tags)
    title = short_line(f"{story['code']}: {story['title']}")
    yield f"{dialect.feature}: {title}"
    yield ""
    for line in story["userStory"].splitlines():
        yield _described(line, dialect)
    for criterion in story["acceptanceCriteria"]:
        yield ""
        yield f"  {dialect.scenario}: {short_line(criterion, _SCENARIO_CHARS)}"
        for step in step_lines(criterion, dialect):
            yield f"    {step}"


def _described(line: str, dialect: Dialect) -> str:
    """A line of a description; a backslash stands before what would be a tag, a comment or a
    keyword."""
    text = " ".join(line.split())
    if text.startswith(("@", "#", *dialect.titles)):
        text = f"\\{text}"
    return f"  {text}" if text else ""


def _name(number: int, code: str, title: str) -> str:
    """Of a file: its number makes it the only one of its name on every system."""
    slug = slugify(f"{code} {title}")[:_NAME_CHARS].strip("-")
    return f"{number:03}-{slug}" if slug else f"{number:03}"
