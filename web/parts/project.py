"""What a project's settings are, as a form has them and as the API's PATCH takes them."""

from collections.abc import Mapping
from typing import Any

from epics import bounds
from web.shapes import LINE, LONG, WORDS, Field, Shape, body_of

_VOICE = "brandVoice"


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


#: Several sentences, one a line.
_SENTENCES = Shape(
    name="long", shown=lambda texts: "\n".join(texts or ()), typed=LONG.typed, sent=_lines
)


def _voice(name: str, label: str, shape: Shape, most: int | None = None, text: str = "") -> Field:
    """A part of the brand voice, which is one value of the project."""
    part = Shape(
        name=shape.name,
        shown=lambda voice: shape.shown((voice or {}).get(name)),
        typed=shape.typed,
        sent=shape.sent,
    )
    return Field(
        name=f"{_VOICE}.{name}",
        label=f"Brand voice: {label}",
        column="brand_voice",
        shape=part,
        most=most,
        help=text,
    )


PROJECT_FIELDS = (
    Field(name="name", label="Name", column="name", most=bounds.NAME_CHARS, required=True),
    Field(
        name="code",
        label="Code",
        column="code",
        most=bounds.CODE_CHARS,
        help="A short name, as SHOP.",
    ),
    Field(
        name="language",
        label="Language of what is written",
        column="language",
        most=bounds.CODE_CHARS,
        required=True,
    ),
    Field(
        name="description",
        label="Description",
        column="description",
        shape=LONG,
        most=bounds.TEXT_CHARS,
    ),
    Field(
        name="context",
        label="Context",
        column="context",
        shape=LONG,
        most=bounds.CONTEXT_CHARS,
        help="What the model should know beside the cards. It is part of every prompt.",
    ),
    Field(name="source", label="Source", column="source", shape=LONG, most=bounds.TEXT_CHARS),
    _voice("tone", "how it sounds", LINE, bounds.TONE_CHARS, "Of the content of pages."),
    _voice("do", "what it does", _SENTENCES, text="One a line."),
    _voice("dont", "what it never does", _SENTENCES, text="One a line."),
    _voice("bannedWords", "words that it never has", WORDS, text="One a line."),
    _voice("sample", "a text that sounds as it should", LONG, bounds.SAMPLE_CHARS),
)


def project_body(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """What is different, as the API's body has it: of the brand voice all or nothing, and null
    where nothing of it is left."""
    body = body_of(PROJECT_FIELDS, row, values)
    if _VOICE in body:
        voice = {
            field.name.removeprefix(f"{_VOICE}."): field.shape.sent(values[field.name])
            for field in PROJECT_FIELDS
            if field.name.startswith(f"{_VOICE}.")
        }
        body[_VOICE] = voice if any(voice.values()) else None
    return body
