"""Fields of an editor: how a value of a row stands in a form, and what a form says of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from web.words import as_lines

#: Empty entries that a list has for new ones.
_MORE = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """How values of one kind are shown and typed.

    Attributes:
        name: of the part of the template.
        shown: from what the row has to what the form shows.
        typed: what a form says, in the same words.
        sent: as the API's body has it.
    """

    name: str
    shown: Callable[[Any], Any]
    typed: Callable[[QueryDict, str], Any]
    sent: Callable[[Any], Any]

    def lines(self, value: Any) -> str:
        """What a form shows, as one text, to be compared."""
        return as_lines(value)


def whole(text: str) -> int | str:
    """A number that was typed; what is none stays a text, and is refused as such."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def entries(text: str) -> list[str]:
    """One a line, and between commas."""
    return [each.strip() for each in text.replace(",", "\n").split("\n") if each.strip()]


def _text(form: QueryDict, name: str) -> str:
    return str(form.get(name, "")).replace("\r\n", "\n")


def _same(value: Any) -> Any:
    return value


def _hours(text: str) -> float | str:
    try:
        return float(text) if text.replace(".", "", 1).isdigit() else text
    except ValueError:
        return text


def _texts(form: QueryDict, name: str) -> list[str]:
    found = [each.replace("\r\n", "\n") for each in form.getlist(name)]
    return [each for each in found if each.strip()]


def _components(form: QueryDict, name: str) -> list[dict[str, str]]:
    parts = [form.getlist(f"{name}.{part}") for part in ("type", "heading", "markdown")]
    return [
        {"type": kind, "heading": heading, "markdown": markdown.replace("\r\n", "\n")}
        for kind, heading, markdown in zip(*parts, strict=False)
    ]


def _component_texts(rows: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{name: row[name] for name in ("type", "heading", "markdown")} for row in rows]


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


LINE = Shape(name="line", shown=_plain, typed=_text, sent=_same)
LONG = Shape(name="long", shown=_plain, typed=_text, sent=_same)
CHOICE = Shape(name="choice", shown=_plain, typed=_text, sent=_same)
NUMBER = Shape(
    name="number", shown=_plain, typed=_text, sent=lambda text: whole(text) if text else None
)
HOURS = Shape(name="line", shown=_plain, typed=_text, sent=_hours)
#: Several texts, each in a field of its own.
TEXTS = Shape(name="texts", shown=lambda texts: list(texts or ()), typed=_texts, sent=_same)
#: Several words, one a line.
WORDS = Shape(
    name="long",
    shown=lambda words: "\n".join(map(str, words or ())),
    typed=lambda form, name: "\n".join(entries(_text(form, name))),
    sent=entries,
)
NUMBERS = Shape(
    name="line",
    shown=lambda numbers: ", ".join(map(str, numbers or ())),
    typed=lambda form, name: ", ".join(entries(_text(form, name))),
    sent=lambda text: [whole(each) for each in entries(text)],
)
#: A page's components: each with its heading and its Markdown.
COMPONENTS = Shape(
    name="components",
    shown=lambda rows: _component_texts(rows or ()),
    typed=_components,
    sent=_same,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A field of an editor.

    Attributes:
        name: in the form, and where the API's body has it: `content.metaTitle`.
        column: of the model.
        most: characters; of a number, the greatest.
        marks: what defects call it; empty: none names it.
        read: it is shown in the reading part, under its label.
    """

    name: str
    label: str
    column: str
    shape: Shape = LINE
    most: int | None = None
    choices: Sequence[tuple[str, str]] = ()
    required: bool = False
    help: str = ""
    marks: str = ""
    read: bool = True

    def value(self, row: Any) -> Any:
        """What the form shows of a row."""
        return self.shape.shown(getattr(row, self.column))


def values_of(fields: Iterable[Field], row: Any) -> dict[str, Any]:
    """A row as its form has it."""
    return {field.name: field.value(row) for field in fields}


def typed_in(fields: Iterable[Field], form: QueryDict) -> dict[str, Any]:
    """What was typed, in the same words."""
    return {field.name: field.shape.typed(form, field.name) for field in fields}


def body_of(fields: Iterable[Field], row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """What is different, as the API's body has it. A field that is as it was is not sent: null
    notes stay null."""
    body: dict[str, Any] = {}
    for field in fields:
        if values[field.name] != field.value(row):
            *above, last = field.name.split(".")
            place = body
            for name in above:
                place = place.setdefault(name, {})
            place[last] = field.shape.sent(values[field.name])
    return body


def conflict_of(fields: Iterable[Field], row: Any, mine: Mapping[str, Any]) -> list[dict[str, str]]:
    """What differs between a row as it is now and what was typed, field by field."""
    return [
        {
            "label": field.label,
            "theirs": field.shape.lines(field.value(row)),
            "mine": field.shape.lines(mine[field.name]),
        }
        for field in fields
        if field.value(row) != mine[field.name]
    ]


def rows_to_type(field: Field, value: Any) -> list[Any]:
    """The entries of a list that a form shows, with empty ones for new ones."""
    return [*value, *[""] * _MORE] if field.shape is TEXTS else list(value)
