"""A backlog as one JSON document: its shape, and how it is checked as a whole."""

from itertools import islice
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from batchgen.api.inputs import MAX_PROBLEMS
from batchgen.api.strict_json import path_text
from batchgen.errors import ValidationFailed
from epics import bounds
from epics.files.document_consistency import Problem, inconsistencies
from epics.files.document_fields import (
    Code,
    Criteria,
    Defect,
    EditedAt,
    FilledText,
    Grade,
    Language,
    Name,
    OptionalCode,
    OptionalContext,
    OptionalName,
    OptionalText,
    Priority,
    Score,
    StoryCode,
    Text,
    Title,
    few,
    shared,
)

#: Nobody wants to know how many more there are.
_MOST_COUNTED = 1_000
#: Keys of one object that are named because they are not known.
_MOST_UNKNOWN = 10


class _Part(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, frozen=True, populate_by_name=False
    )

    @model_validator(mode="before")
    @classmethod
    def _few_keys(cls, given: object) -> object:
        known = len(cls.model_fields)
        if isinstance(given, dict) and len(given) > known + _MOST_UNKNOWN:
            raise ValueError(f"This has {len(given):,} fields; at most {known} are known here.")
        return given


class BacklogProject(_Part):
    """What the backlog is of."""

    name: Name
    code: OptionalCode = ""
    description: OptionalText = ""
    context: OptionalContext = ""
    language: Language = "English"


class BacklogCard(_Part):
    """One use case."""

    code: Code
    title: Title
    persona: OptionalName = ""
    statement: OptionalText = ""
    problem: Text | None = None
    systems: Annotated[list[Name], few()] = shared([])


class BacklogQuality(_Part):
    """What the quality check found in a story."""

    score: Score | None = None
    defects: Annotated[list[Defect], few()] = shared([])


_NO_QUALITY = BacklogQuality()


class BacklogStory(_Part):
    """A story, as an export has it."""

    code: StoryCode
    title: Title
    user_story: FilledText
    persona: OptionalName = ""
    acceptance_criteria: Criteria = shared([])
    technical_notes: Text | None = None
    priority: Grade = ""
    effort: Grade = ""
    quality: BacklogQuality = shared(_NO_QUALITY)
    #: When a person last changed it; runs keep such stories.
    edited_at: EditedAt = None


class BacklogEpic(_Part):
    """An epic, its cards and the epics that come before it by their codes."""

    code: Code
    title: Title
    theme: OptionalName = ""
    description: OptionalText = ""
    business_value: OptionalText = ""
    acceptance_criteria: Criteria = shared([])
    dependencies: Annotated[list[Code], few()] = shared([])
    effort: OptionalCode = ""
    impact: OptionalCode = ""
    priority: Priority | None = None
    cards: Annotated[list[Code], few(bounds.MAX_CARDS)] = shared([])
    stories: Annotated[list[BacklogStory], Field(max_length=bounds.MAX_STORIES_OF_EPIC)] = shared(
        []
    )
    stories_outdated: bool = False


class Backlog(_Part):
    """A project with its cards and epics."""

    project: BacklogProject
    source: OptionalText = ""
    cards: Annotated[list[BacklogCard], Field(max_length=bounds.MAX_CARDS)]
    epics: Annotated[list[BacklogEpic], Field(max_length=bounds.MAX_EPICS)]


class _Frame(_Part):
    """A backlog, its cards and epics only counted."""

    project: BacklogProject
    source: OptionalText = ""
    cards: Annotated[list[Any], Field(max_length=bounds.MAX_CARDS)]
    epics: Annotated[list[Any], Field(max_length=bounds.MAX_EPICS)]


_MOST_ENTRIES = max(bounds.MAX_CARDS, bounds.MAX_EPICS)
P = TypeVar("P", bound=_Part)


def backlog_parse(document: object) -> Backlog:
    """The document, checked as a whole.

    Raises:
        ValidationFailed: details have up to MAX_PROBLEMS problems, each under its path.
    """
    problems: list[Problem] = []
    frame = _valid(_Frame, document, problems)
    cards = _entries_valid(document, "cards", BacklogCard, problems)
    epics = _entries_valid(document, "epics", BacklogEpic, problems)
    if isinstance(document, dict):
        problems += islice(inconsistencies(document), _MOST_COUNTED)
    if problems or frame is None:
        raise _refusal(problems[:_MOST_COUNTED])
    return Backlog.model_construct(
        project=frame.project, source=frame.source, cards=cards, epics=epics
    )


def _entries_valid(document: object, key: str, part: type[P], problems: list[Problem]) -> list[P]:
    """The entries of a list, one after the other, so that it ends where there is enough to tell."""
    entries = document.get(key) if isinstance(document, dict) else None
    valid: list[P] = []
    if not isinstance(entries, list) or len(entries) > _MOST_ENTRIES:
        return valid  # what the frame tells
    for index, entry in enumerate(entries):
        if len(problems) >= _MOST_COUNTED:
            break
        if found := _valid(part, entry, problems, key, index):
            valid.append(found)
    return valid


def _valid(part: type[P], value: object, problems: list[Problem], *path: str | int) -> P | None:
    try:
        return part.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems += [(path_text((*path, *each["loc"])), _told(each)) for each in found]
        return None


def _refusal(problems: list[Problem]) -> ValidationFailed:
    count = len(problems)
    details: dict[str, list[str]] = {}
    for path, message in problems[:MAX_PROBLEMS]:
        details.setdefault(path[:200] or "document", []).append(message)
    told = "one problem" if count == 1 else f"{count} problems"
    if count == _MOST_COUNTED:
        told = f"{count:,} problems or more"
    more = f"; the first {MAX_PROBLEMS} are listed" if count > MAX_PROBLEMS else ""
    return ValidationFailed(f"The backlog was not imported. It has {told}{more}.", **details)


_SENTENCES = {
    "missing": "This is missing.",
    "extra_forbidden": "There is no such field here.",
    "string_type": "This must be text.",
    "int_type": "This must be a whole number.",
    "bool_type": "This must be true or false.",
    "list_type": "This must be a list.",
    "dict_type": "This must be an object.",
    "model_type": "This must be an object.",
    "greater_than_equal": "The least is {ge}.",
    "less_than_equal": "The most is {le}.",
    "too_long": "This has {actual_length} entries; at most {max_length} are allowed.",
}


def _told(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "string_too_long":
        most = context["max_length"]
        return f"This has {len(error['input'])} characters; at most {most} are allowed."
    if error["type"] == "value_error":
        return str(context["error"])
    sentence = _SENTENCES.get(error["type"])
    return sentence.format(**context) if sentence else f"{error['msg']}."
