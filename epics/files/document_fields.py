"""Pydantic types of a backlog document: texts, codes and numbers with their limits."""

import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field

from batchgen.api.inputs import is_moment, whole
from epics import bounds
from epics.languages import REFUSAL, is_language


def _line(text: str) -> str:
    return _printable(text, lines=False)


def _text(text: str) -> str:
    return _printable(text, lines=True)


def _printable(text: str, *, lines: bool) -> str:
    if found := bounds.control_character(text, lines=lines):
        raise ValueError(f"The control character {found} is not allowed here.")
    return text


def _filled(text: str) -> str:
    if not bounds.is_seen(text):
        raise ValueError("This must not be blank.")
    return text


def _code(text: str) -> str:
    if found := bounds.unseen_character(text):
        raise ValueError(f"The invisible character {found} is not allowed in a code.")
    return unicodedata.normalize("NFC", text)


def _language(text: str) -> str:
    if not is_language(text):
        raise ValueError(REFUSAL)
    return text


def _tenths(hours: float) -> float:
    if hours != round(hours, 1):
        raise ValueError("Give hours with one decimal at most.")
    return hours


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
    pattern = bounds.pattern(lines=lines, filled=filled)
    return Field(max_length=chars, json_schema_extra={"pattern": pattern})


def few(most: int = bounds.LIST_ENTRIES) -> Any:
    """What a list inside of a card, epic or story is annotated with; its first problem is told."""
    return Field(max_length=most, fail_fast=True)


def shared(default: "list[Any] | BaseModel") -> Any:
    """A field's default that all share, and nobody changes. Pydantic's own way copies it, deep, for
    each row, which took a third of an import's validation."""
    said = default.model_dump() if isinstance(default, BaseModel) else default
    return Field(default_factory=lambda: default, json_schema_extra={"default": said})


_Filled = AfterValidator(_filled)
_Line = AfterValidator(_line)
_Text = AfterValidator(_text)
_Code = AfterValidator(_code)
Code = Annotated[str, _limited(bounds.CODE_CHARS, filled=True), _Line, _Filled, _Code]
Language = Annotated[
    str, _limited(bounds.CODE_CHARS, filled=True), _Line, AfterValidator(_language)
]
#: "": the project's.
AnyLanguage = Annotated[
    str, _limited(bounds.CODE_CHARS), _Line, AfterValidator(lambda text: text and _language(text))
]
Name = Annotated[str, _limited(bounds.NAME_CHARS, filled=True), _Line, _Filled]
Title = Annotated[str, _limited(bounds.TITLE_CHARS, filled=True), _Line, _Filled]
AnyTitle = Annotated[str, _limited(bounds.TITLE_CHARS), _Line]
Url = Annotated[str, _limited(bounds.URL_CHARS, filled=True), _Line]
MetaTitle = Annotated[str, _limited(bounds.META_TITLE_CHARS), _Line]
MetaDescription = Annotated[str, _limited(bounds.META_DESCRIPTION_CHARS), _Line]
Text = Annotated[str, _limited(bounds.TEXT_CHARS, lines=True), _Text]
FilledText = Annotated[str, _limited(bounds.TEXT_CHARS, lines=True, filled=True), _Text, _Filled]
Criterion = Annotated[
    str, _limited(bounds.CRITERION_CHARS, lines=True, filled=True), _Text, _Filled
]
SubtaskCode = Annotated[
    str, _limited(bounds.SUBTASK_CODE_CHARS, filled=True), _Line, _Filled, _Code
]
Quote = Annotated[str, _limited(bounds.QUOTE_CHARS, lines=True), _Text]
Note = Annotated[str, _limited(bounds.REVIEW_NOTE_CHARS, lines=True), _Text]
StoryCode = Annotated[str, _limited(bounds.STORY_CODE_CHARS, filled=True), _Line, _Filled, _Code]


def _or_null(text: Any) -> BeforeValidator:
    """Takes null for an empty text."""
    return BeforeValidator(_empty_for_null, json_schema_input_type=text | None)


_AnyCode = Annotated[str, _limited(bounds.CODE_CHARS), _Line]
_AnyName = Annotated[str, _limited(bounds.NAME_CHARS), _Line]
_AnyContext = Annotated[str, _limited(bounds.CONTEXT_CHARS, lines=True), _Text]
_AnyGrade = Annotated[str, _limited(20), _Line]
OptionalCode = Annotated[_AnyCode, _or_null(_AnyCode)]
OptionalName = Annotated[_AnyName, _or_null(_AnyName)]
OptionalText = Annotated[Text, _or_null(Text)]
OptionalContext = Annotated[_AnyContext, _or_null(_AnyContext)]
Grade = Annotated[_AnyGrade, _or_null(_AnyGrade)]
_Whole = BeforeValidator(whole)
Priority = Annotated[int, Field(ge=0, le=bounds.MAX_PRIORITY), _Whole]
Count = Annotated[int, Field(ge=0, le=2**31 - 1), _Whole]
CriterionNumber = Annotated[int, Field(ge=1, le=bounds.LIST_ENTRIES), _Whole]
Hours = Annotated[
    float, Field(ge=0.1, le=bounds.MAX_EFFORT_HOURS, allow_inf_nan=False), AfterValidator(_tenths)
]
Reviewed = Literal["draft", "approved", "rejected"]
Score = Annotated[int, Field(ge=0, le=100), _Whole]
Criteria = Annotated[list[Criterion], few()]
EditedAt = Annotated[
    AwareDatetime | None,
    Field(strict=False),
    BeforeValidator(_moment),
    AfterValidator(_utc),
]
Tone = Annotated[str, _limited(bounds.TONE_CHARS, lines=True), _Text]
Sample = Annotated[str, _limited(bounds.SAMPLE_CHARS, lines=True), _Text]
_Rule = Annotated[str, _limited(bounds.RULE_CHARS, filled=True), _Line, _Filled]
Rules = Annotated[list[_Rule], few(bounds.VOICE_RULES)]
_BannedWord = Annotated[str, _limited(bounds.BANNED_WORD_CHARS, filled=True), _Line, _Filled]
BannedWords = Annotated[list[_BannedWord], few(bounds.BANNED_WORDS)]
#: A defect as the linter of any version wrote it: few keys, numbers of no size, and texts no longer
#: than what they may quote, which is a whole story.
_DefectNumber = Annotated[int | float, Field(ge=-1e9, le=1e9)]
Defect = Annotated[dict[_AnyCode, Text | bool | _DefectNumber | None], Field(max_length=20)]
