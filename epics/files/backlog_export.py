"""Export of a backlog in four formats: two queries, and one epic in memory at a time."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject
from django.utils.text import slugify

from epics.files.csv_rows import csv_rows, plain_label, short_line, wiki_text
from epics.files.markdown import markdown_line, markdown_text
from epics.models import Card, Epic, EpicCard, Project, Story

_SPACES = re.compile(r"\s+")
#: Rows that are fetched at once.
_ROWS = 500

Fields = dict[str, Any]

_STORY = JSONObject(
    code="code",
    title="title",
    userStory="user_story",
    persona="persona",
    acceptanceCriteria="acceptance_criteria",
    technicalNotes="technical_notes",
    priority="priority",
    effort="effort",
    score="quality_score",
    defects="defects",
    editedAt="edited_at",
)


@dataclass(frozen=True, kw_only=True)
class Format:
    """One way to write a backlog."""

    write: Callable[[Project], Iterator[str]]
    content_type: str
    suffix: str
    #: With a byte order mark unless it is asked not to: without one, Excel reads UTF-8 as
    #: Windows-1252. None: never, since JSON may not have one.
    mark: bool | None = False


def export_name(project: Project, written: Format) -> str:
    """A file name of plain ASCII letters, whatever the project is called."""
    name = slugify(project.code) or slugify(project.name)[:60] or "backlog"
    return f"{name}{written.suffix}"


def export_json(project: Project) -> Iterator[str]:
    """The document that an import takes; what is as an import would set it is left out."""
    head: Fields = {
        "code": project.code,
        "name": project.name,
        "description": project.description,
        **_filled(context=project.context),
        **({} if project.language == "English" else {"language": project.language}),
    }
    yield f'{{\n "project": {_json(head)},\n'
    if project.source:
        yield f' "source": {_json(project.source)},\n'
    yield from _json_list("cards", map(_card, _cards(project)))
    yield ",\n"
    yield from _json_list("epics", map(_epic, _epics(project)))
    yield "\n}\n"


def export_csv(project: Project) -> Iterator[str]:
    """One row a story."""
    columns = {
        "persona": "Persona",
        "userStory": "User story",
        "acceptanceCriteria": "Acceptance criteria",
        "technicalNotes": "Technical notes",
        "priority": "Priority",
        "effort": "Effort",
        "score": "Quality score",
    }
    head = ["Epic code", "Epic", "Story code", "Story", *columns.values()]
    rows = (
        [epic.code, epic.title, story["code"], story["title"], *(story[key] for key in columns)]
        for epic, stories in _stories(project)
        for story in stories
    )
    return csv_rows([head], rows)


def export_jira(project: Project) -> Iterator[str]:
    """What Jira's CSV importer takes: a row for each epic, then its stories, linked by its name."""
    head = ["Issue Type", "Summary", "Description", "Epic Name", "Epic Link", "Priority", "Labels"]
    return csv_rows([head], _jira_rows(project))


def export_markdown(project: Project) -> Iterator[str]:
    """A document for people."""
    yield f"# {markdown_line(project.name)}\n\n"
    for text in (project.description, project.source and f"Source: {project.source}"):
        if text:
            yield f"{markdown_text(text)}\n\n"
    for epic, stories in _stories(project):
        yield f"## {markdown_line(f'{epic.code}: {epic.title}')}\n\n"
        if epic.description:
            yield f"{markdown_text(epic.description)}\n\n"
        for story in stories:
            yield from _markdown_story(story)


FORMATS = {
    "json": Format(write=export_json, content_type="application/json", suffix=".json", mark=None),
    "csv": Format(
        write=export_csv, content_type="text/csv; charset=utf-8", suffix=".csv", mark=True
    ),
    "markdown": Format(
        write=export_markdown, content_type="text/markdown; charset=utf-8", suffix=".md"
    ),
    "jira": Format(
        write=export_jira, content_type="text/csv; charset=utf-8", suffix="-jira.csv", mark=True
    ),
}


def _cards(project: Project) -> Iterator[Card]:
    return Card.objects.filter(project=project).order_by("order", "id").iterator(_ROWS)


def _epics(project: Project) -> Iterator[Epic]:
    """The epics, each with `card_codes` and its stories as `story_list`."""
    places = EpicCard.objects.filter(epic=OuterRef("pk")).order_by("order", "id")
    stories = Story.objects.filter(epic=OuterRef("pk")).order_by("order", "id")
    epics = Epic.objects.filter(project=project).annotate(
        card_codes=ArraySubquery(places.values("card__code")),
        story_list=ArraySubquery(stories.annotate(fields=_STORY).values("fields")),
    )
    return epics.order_by("order", "id").iterator(_ROWS)


def _stories(project: Project) -> Iterator[tuple[Epic, list[Fields]]]:
    return ((epic, vars(epic)["story_list"]) for epic in _epics(project))


def _card(card: Card) -> Fields:
    return {
        "code": card.code,
        "title": card.title,
        "persona": card.persona,
        "statement": card.statement,
        "problem": card.problem,
        "systems": card.systems,
    }


def _epic(epic: Epic) -> Fields:
    stories = [_story(story) for story in vars(epic)["story_list"]]
    return {
        "code": epic.code,
        "title": epic.title,
        "theme": epic.theme,
        "description": epic.description,
        **_filled(
            businessValue=epic.business_value,
            acceptanceCriteria=epic.acceptance_criteria,
            dependencies=epic.dependencies,
            effort=epic.effort,
            impact=epic.impact,
        ),
        "priority": epic.priority,
        "cards": vars(epic)["card_codes"],
        **_filled(stories=stories, storiesOutdated=epic.stories_outdated),
    }


def _story(story: Fields) -> Fields:
    quality = {"score": story["score"], "defects": story["defects"]}
    edited_at = story["editedAt"]
    apart = {*quality, "editedAt"}
    fields = {key: value for key, value in story.items() if key not in apart}
    return fields | _filled(quality=quality if any(quality.values()) else None, editedAt=edited_at)


def _filled(**fields: Any) -> Fields:
    return {key: value for key, value in fields.items() if value}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _json_list(name: str, values: Iterable[Fields]) -> Iterator[str]:
    yield f' "{name}": ['
    separator = "\n  "
    for value in values:
        yield separator + _json(value)
        separator = ",\n  "
    yield "\n ]"


def _jira_rows(project: Project) -> Iterator[list[Any]]:
    for epic, stories in _stories(project):
        # Jira links by name, so the code keeps epics of the same title apart.
        name = short_line(f"{epic.code}: {epic.title}")
        label = plain_label(epic.theme)
        yield ["Epic", name, wiki_text(epic.description), name, "", "", label]
        for story in stories:
            labels = " ".join(filter(None, [label, plain_label(story["persona"])]))
            priority = story["priority"].capitalize()
            description = _jira_description(story)
            yield ["Story", short_line(story["title"]), description, "", name, priority, labels]


def _jira_description(story: Fields) -> str:
    parts = [wiki_text(story["userStory"])]
    if story["acceptanceCriteria"]:
        criteria = (_SPACES.sub(" ", wiki_text(text)) for text in story["acceptanceCriteria"])
        parts.append("\n".join(["h4. Acceptance criteria", *(f"* {text}" for text in criteria)]))
    if story["technicalNotes"]:
        parts.append(f"h4. Technical notes\n{wiki_text(story['technicalNotes'])}")
    return "\n\n".join(parts)


def _markdown_story(story: Fields) -> Iterator[str]:
    yield f"### {markdown_line(story['code'] + ': ' + story['title'])}\n\n"
    yield f"{markdown_text(story['userStory'])}\n\n"
    facts = {"Persona": "persona", "Priority": "priority", "Effort": "effort"}
    told = [f"{name}: {markdown_line(story[key])}" for name, key in facts.items() if story[key]]
    if told:
        yield f"{' · '.join(told)}\n\n"
    for criterion in story["acceptanceCriteria"]:
        yield f"- {markdown_line(criterion)}\n"
    if story["acceptanceCriteria"]:
        yield "\n"
    if story["technicalNotes"]:
        yield f"{markdown_text(story['technicalNotes'])}\n\n"
