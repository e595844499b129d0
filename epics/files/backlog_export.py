"""Export of a backlog: its formats, and the JSON that comes in again."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.text import slugify

from epics.files.azure_rows import export_azure
from epics.files.backlog_rows import Fields, cards_of, one_moment, stories_of
from epics.files.gherkin_features import export_gherkin
from epics.files.github_issues import export_github
from epics.files.jira_rows import export_jira
from epics.files.linear_rows import export_linear
from epics.files.markdown_document import export_markdown
from epics.files.story_rows import export_csv
from epics.models import Card, Epic, Project, ReviewStatus

#: What an import does not need to be told of what nobody edited or reviewed.
_WRITTEN = ("editedAt", "reviewStatus", "reviewNote")
#: U+FEFF: what is UTF-8 says so.
_BYTE_ORDER_MARK = "\ufeff".encode()


@dataclass(frozen=True, kw_only=True)
class Format:
    """One way to write a backlog."""

    write: Callable[[Project], Iterator[str] | Iterator[bytes]]
    content_type: str
    suffix: str
    #: With a byte order mark unless it is asked not to: without one, Excel reads UTF-8 as
    #: Windows-1252. None: never, since JSON may not have one.
    mark: bool | None = False

    def parts(self, project: Project, *, mark: bool | None = None) -> Iterator[bytes]:
        """The file, part by part, as the backlog is at the first one.

        Args:
            mark: with a byte order mark or without; None: as the format has it.
        """
        if self.mark if mark is None else mark:
            yield _BYTE_ORDER_MARK
        with one_moment():
            for part in self.write(project):
                yield part.encode() if isinstance(part, str) else part


def export_name(project: Project, written: Format) -> str:
    """A file name of letters and digits alone, of whatever script the project is called in."""
    named = (slugify(text, allow_unicode=True)[:60] for text in (project.code, project.name))
    return f"{next(filter(None, named), 'backlog')}{written.suffix}"


def export_json(project: Project) -> Iterator[str]:
    """The document that an import takes; what is as an import would set it is left out."""
    head: Fields = {
        "code": project.code,
        "name": project.name,
        "description": project.description,
        **_filled(context=project.context),
        **({} if project.language == "English" else {"language": project.language}),
        **_filled(brandVoice=project.brand_voice),
    }
    yield f'{{\n "project": {_json(head)},\n'
    if project.source:
        yield f' "source": {_json(project.source)},\n'
    yield ' "cards": ['
    yield from _lines([_json(_card(card))] for card in cards_of(project))
    yield ',\n "epics": ['
    yield from _lines(_epic(*each) for each in stories_of(project))
    yield "\n}\n"


_CSV = "text/csv; charset=utf-8"
FORMATS = {
    "json": Format(write=export_json, content_type="application/json", suffix=".json", mark=None),
    "csv": Format(write=export_csv, content_type=_CSV, suffix=".csv", mark=True),
    "markdown": Format(
        write=export_markdown, content_type="text/markdown; charset=utf-8", suffix=".md"
    ),
    "jira": Format(write=export_jira, content_type=_CSV, suffix="-jira.csv", mark=True),
    "azure": Format(write=export_azure, content_type=_CSV, suffix="-azure.csv", mark=True),
    "linear": Format(write=export_linear, content_type=_CSV, suffix="-linear.csv"),
    "github": Format(
        write=export_github, content_type="application/jsonl", suffix="-github.jsonl", mark=None
    ),
    "gherkin": Format(
        write=export_gherkin, content_type="application/zip", suffix="-features.zip", mark=None
    ),
}


def _card(card: Card) -> Fields:
    return {
        "code": card.code,
        "title": card.title,
        "persona": card.persona,
        "statement": card.statement,
        "problem": card.problem,
        "systems": card.systems,
        **_filled(themes=card.themes, quote=card.quote, editedAt=_moment(card.edited_at)),
    }


def _epic(epic: Epic, stories: Iterator[Fields]) -> Iterator[str]:
    head = {
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
        **_filled(
            storiesOutdated=epic.stories_outdated,
            origin="" if epic.origin == Epic.Origin.IMPORT else epic.origin,
            editedAt=_moment(epic.edited_at),
        ),
        **_reviewed({"reviewStatus": epic.review_status, "reviewNote": epic.review_note}),
    }
    yield _json(head)[:-1]
    before = ', "stories": ['
    for story in stories:
        yield before + _json(_story(story))
        before = ", "
    yield "}" if before.endswith("[") else "]}"


def _story(story: Fields) -> Fields:
    quality = {"score": story["score"], "defects": story["defects"]}
    apart = {*quality, *_WRITTEN, "subtasks"}
    fields = {key: value for key, value in story.items() if key not in apart}
    return {
        **fields,
        **_filled(
            quality=quality if any(quality.values()) else None,
            editedAt=story["editedAt"],
            subtasks=[_subtask(subtask) for subtask in story["subtasks"]],
        ),
        **_reviewed(story),
    }


def _subtask(subtask: Fields) -> Fields:
    fields = {key: value for key, value in subtask.items() if key not in _WRITTEN}
    return fields | _filled(editedAt=subtask["editedAt"]) | _reviewed(subtask)


def _reviewed(row: Fields) -> Fields:
    status = row["reviewStatus"]
    return _filled(
        reviewStatus="" if status == ReviewStatus.DRAFT else status, reviewNote=row["reviewNote"]
    )


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat() if at else ""


def _filled(**fields: Any) -> Fields:
    return {key: value for key, value in fields.items() if value}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(entries: Iterable[Iterable[str]]) -> Iterator[str]:
    """The rest of a list, an entry a line; each is taken before the next."""
    separator = "\n  "
    for entry in entries:
        yield separator
        yield from entry
        separator = ",\n  "
    yield "\n ]"
