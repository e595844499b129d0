"""A backlog as one JSON document: its shape, its limits, and what must fit together in it."""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from batchgen.errors import ValidationFailed
from batchgen.inputs import MAX_PROBLEMS, is_moment, whole
from batchgen.strict_json import path_text
from epics import limits
from epics.languages import REFUSAL, is_language

#: Nobody wants to know how many more there are.
_MOST_COUNTED = 1_000
#: Keys of one object that are named because they are not known.
_MOST_UNKNOWN = 10

#: A path into the document, and what is wrong there.
Problem = tuple[str, str]


def _line(text: str) -> str:
    return _printable(text, lines=False)


def _text(text: str) -> str:
    return _printable(text, lines=True)


def _printable(text: str, *, lines: bool) -> str:
    if found := limits.control_character(text, lines=lines):
        raise ValueError(f"The control character {found} is not allowed here.")
    return text


def _filled(text: str) -> str:
    if not limits.is_seen(text):
        raise ValueError("This must not be blank.")
    return text


def _code(text: str) -> str:
    if found := limits.unseen_character(text):
        raise ValueError(f"The invisible character {found} is not allowed in a code.")
    return unicodedata.normalize("NFC", text)


def _language(text: str) -> str:
    if not is_language(text):
        raise ValueError(REFUSAL)
    return text


def _empty_for_null(value: object) -> object:
    return "" if value is None else value


def _moment(value: object) -> object:
    if value is not None and not is_moment(value):
        raise ValueError("This must be a time with its zone, like 2026-11-30T09:30:00Z.")
    return value


def _utc(moment: datetime | None) -> datetime | None:
    """PostgreSQL takes no offsets beyond 16 hours, and Python no years but 1 to 9999."""
    try:
        return moment and moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("This time is out of range.") from error


def _limited(chars: int, *, lines: bool = False, filled: bool = False) -> Any:
    """What a text's type is annotated with: its limits, and how the OpenAPI document says them."""
    pattern = limits.pattern(lines=lines, filled=filled)
    return Field(max_length=chars, json_schema_extra={"pattern": pattern})


def _few(most: int = limits.LIST_ENTRIES) -> Any:
    """What a list inside of a card, epic or story is annotated with; its first problem is told."""
    return Field(max_length=most, fail_fast=True)


def _or(default: "list[Any] | BaseModel") -> Any:
    """A field's default that all share, and nobody changes. Pydantic's own way copies it, deep, for
    each row, which took a third of an import's validation."""
    said = default.model_dump() if isinstance(default, BaseModel) else default
    return Field(default_factory=lambda: default, json_schema_extra={"default": said})


_Filled = AfterValidator(_filled)
_Line = AfterValidator(_line)
_Text = AfterValidator(_text)

_Code = AfterValidator(_code)

Code = Annotated[str, _limited(limits.CODE_CHARS, filled=True), _Line, _Filled, _Code]
Language = Annotated[
    str, _limited(limits.CODE_CHARS, filled=True), _Line, AfterValidator(_language)
]
Name = Annotated[str, _limited(limits.NAME_CHARS, filled=True), _Line, _Filled]
Title = Annotated[str, _limited(limits.TITLE_CHARS, filled=True), _Line, _Filled]
Text = Annotated[str, _limited(limits.TEXT_CHARS, lines=True), _Text]
FilledText = Annotated[str, _limited(limits.TEXT_CHARS, lines=True, filled=True), _Text, _Filled]
Criterion = Annotated[
    str, _limited(limits.CRITERION_CHARS, lines=True, filled=True), _Text, _Filled
]
StoryCode = Annotated[str, _limited(60, filled=True), _Line, _Filled, _Code]


def _or_null(text: Any) -> BeforeValidator:
    """Takes null for an empty text."""
    return BeforeValidator(_empty_for_null, json_schema_input_type=text | None)


_AnyCode = Annotated[str, _limited(limits.CODE_CHARS), _Line]
_AnyName = Annotated[str, _limited(limits.NAME_CHARS), _Line]
_AnyContext = Annotated[str, _limited(limits.CONTEXT_CHARS, lines=True), _Text]
_AnyGrade = Annotated[str, _limited(20), _Line]

OptionalCode = Annotated[_AnyCode, _or_null(_AnyCode)]
OptionalName = Annotated[_AnyName, _or_null(_AnyName)]
OptionalText = Annotated[Text, _or_null(Text)]
OptionalContext = Annotated[_AnyContext, _or_null(_AnyContext)]
Grade = Annotated[_AnyGrade, _or_null(_AnyGrade)]
_Whole = BeforeValidator(whole)
Priority = Annotated[int, Field(ge=0, le=limits.MAX_PRIORITY), _Whole]
Score = Annotated[int, Field(ge=0, le=100), _Whole]
Criteria = Annotated[list[Criterion], _few()]


#: A defect as the linter of any version wrote it: few keys, numbers of no size, and texts no longer
#: than what they may quote, which is a whole story.
_DefectNumber = Annotated[int | float, Field(ge=-1e9, le=1e9)]
_Defect = Annotated[dict[_AnyCode, Text | bool | _DefectNumber | None], Field(max_length=20)]


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
    systems: Annotated[list[Name], _few()] = _or([])


class BacklogQuality(_Part):
    """What the quality check found in a story."""

    score: Score | None = None
    defects: Annotated[list[_Defect], _few()] = _or([])


_NO_QUALITY = BacklogQuality()


class BacklogStory(_Part):
    """A story, as an export has it."""

    code: StoryCode
    title: Title
    user_story: FilledText
    persona: OptionalName = ""
    acceptance_criteria: Criteria = _or([])
    technical_notes: Text | None = None
    priority: Grade = ""
    effort: Grade = ""
    quality: BacklogQuality = _or(_NO_QUALITY)
    #: When a person last changed it; runs keep such stories.
    edited_at: Annotated[
        AwareDatetime | None,
        Field(strict=False),
        BeforeValidator(_moment),
        AfterValidator(_utc),
    ] = None


class BacklogEpic(_Part):
    """An epic, its cards and the epics that come before it by their codes."""

    code: Code
    title: Title
    theme: OptionalName = ""
    description: OptionalText = ""
    business_value: OptionalText = ""
    acceptance_criteria: Criteria = _or([])
    dependencies: Annotated[list[Code], _few()] = _or([])
    effort: OptionalCode = ""
    impact: OptionalCode = ""
    priority: Priority | None = None
    cards: Annotated[list[Code], _few(limits.MAX_CARDS)] = _or([])
    stories: Annotated[list[BacklogStory], Field(max_length=limits.MAX_STORIES_OF_EPIC)] = _or([])
    stories_outdated: bool = False


class Backlog(_Part):
    """A project with its cards and epics."""

    project: BacklogProject
    source: OptionalText = ""
    cards: Annotated[list[BacklogCard], Field(max_length=limits.MAX_CARDS)]
    epics: Annotated[list[BacklogEpic], Field(max_length=limits.MAX_EPICS)]


class _Frame(_Part):
    """A backlog, its cards and epics only counted."""

    project: BacklogProject
    source: OptionalText = ""
    cards: Annotated[list[Any], Field(max_length=limits.MAX_CARDS)]
    epics: Annotated[list[Any], Field(max_length=limits.MAX_EPICS)]


_MOST_ENTRIES = max(limits.MAX_CARDS, limits.MAX_EPICS)
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
        problems += islice(_misfits(document), _MOST_COUNTED)
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


def code_warnings(document: Any) -> list[str]:
    """What to say of a document that was taken: codes that look alike. At most MAX_PROBLEMS."""
    told: list[str] = []
    for kind in ("cards", "epics"):
        first: dict[str, str] = {}
        for _, entry in _entries(document, kind):
            code = entry["code"]
            other = first.setdefault(limits.code_looks(code), code)
            if other != code:
                told.append(f"The codes {_short(other)} and {_short(code)} of {kind} look alike.")
    return told[:MAX_PROBLEMS]


def dependency_cycle(dependencies: dict[str, list[str]]) -> str | None:
    """A cycle as `E1 → E2 → E1`, each depending on the next, or None.

    Args:
        dependencies: epic code -> codes of the epics that come first.
    """
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError as error:
        cycle: list[str] = list(reversed(error.args[1]))
        shown = cycle if len(cycle) <= 12 else [*cycle[:10], "…", cycle[-1]]
        return " → ".join(shown)
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


def _misfits(document: dict[str, Any]) -> Iterator[Problem]:
    """What does not fit together. The shape may be wrong too, so nothing is taken for granted."""
    cards = list(_entries(document, "cards"))
    epics = list(_entries(document, "epics"))
    card_codes, epic_codes = _codes(cards), _codes(epics)
    yield from _twice(cards, "cards")
    yield from _twice(epics, "epics")
    places = 0
    for index, epic in epics:
        path = f"epics[{index}]"
        places += sum(1 for _ in _texts(epic, "cards"))
        yield from _references(epic, "cards", path, card_codes, "card")
        yield from _references(epic, "dependencies", path, epic_codes, "epic")
        yield from _twice(list(_entries(epic, "stories")), f"{path}.stories")
    if places > limits.MAX_PLACES:
        yield "epics", f"They name {places} cards; at most {limits.MAX_PLACES} are allowed."
    yield from _cycles(epics)


def _entries(owner: dict[str, Any], key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    values = owner.get(key)
    if isinstance(values, list):
        yield from ((i, value) for i, value in enumerate(values) if isinstance(value, dict))


def _texts(owner: dict[str, Any], key: str) -> Iterator[tuple[int, str]]:
    values = owner.get(key)
    if isinstance(values, list):
        yield from ((i, _nfc(value)) for i, value in enumerate(values) if isinstance(value, str))


def _codes(entries: list[tuple[int, dict[str, Any]]]) -> set[str]:
    return {_nfc(entry["code"]) for _, entry in entries if isinstance(entry.get("code"), str)}


def _nfc(code: str) -> str:
    return unicodedata.normalize("NFC", code)


def _twice(entries: list[tuple[int, dict[str, Any]]], path: str) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, entry in entries:
        code = entry.get("code")
        if (
            isinstance(code, str)
            and (other := first.setdefault(limits.code_key(code), index)) != index
        ):
            yield (
                f"{path}[{index}].code",
                f"The code {_short(code)} is also that of {path}[{other}].",
            )


def _references(
    epic: dict[str, Any], key: str, path: str, known: set[str], kind: str
) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, code in _texts(epic, key):
        if code not in known:
            yield f"{path}.{key}[{index}]", f"There is no {kind} with the code {_short(code)}."
        elif code in seen:
            yield f"{path}.{key}[{index}]", f"The {kind} {_short(code)} is named twice."
        seen.add(code)


def _cycles(epics: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    graph = {
        _nfc(epic["code"]): [code for _, code in _texts(epic, "dependencies")]
        for _, epic in epics
        if isinstance(epic.get("code"), str)
    }
    if cycle := dependency_cycle(graph):
        yield "epics", f"The dependencies form a cycle: {cycle}."


def _short(code: str) -> str:
    return code if len(code) <= 60 else f"{code[:60]}…"
