"""The answer that a call must give: its schemas, and how it is read.

A model that was not held to the schema says the same in other forms: sections for components, text
for markdown, an object of components by name. What has one meaning is read as that; what has two,
or none, is a defect for the repair call.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, model_validator

from content.answer_fields import (
    Answer,
    Text,
    named_fields,
    plain_key,
    schema_field,
    schema_object,
)
from content.answer_sets import NotRead, SetForm, has_key, set_read
from content.asking import NotReadable
from content.pages.values import PageDefect

_PAGE_FIELDS = ("metaTitle", "metaDescription", "components")
_PAGE_OTHERS = {
    # Those of the schema.
    "t": "metaTitle",
    "d": "metaDescription",
    # Others'.
    "title": "metaTitle",
    "seotitle": "metaTitle",
    "pagetitle": "metaTitle",
    "description": "metaDescription",
    "seodescription": "metaDescription",
    "sections": "components",
    "blocks": "components",
}
_FIELDS = ("type", "heading", "markdown")
_OTHERS = {
    # Those of the schema.
    "k": "type",
    "h": "heading",
    "m": "markdown",
    # Others'.
    "name": "type",
    "component": "type",
    "title": "heading",
    "headline": "heading",
    "text": "markdown",
    "content": "markdown",
    "body": "markdown",
}
_MARKDOWN_KEYS = ("markdown", *(key for key, field in _OTHERS.items() if field == "markdown"))


def _lines(value: object) -> object:
    """One text for a list of paragraphs; none for null."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n\n".join(value)
    return "" if value is None else value


def _listed(value: object) -> object:
    """A list for components that stand by their names in an object."""
    if not isinstance(value, Mapping):
        return value
    return [
        {"type": name, "markdown": inner}
        if not isinstance(inner, Mapping)
        else {"type": name, **inner}
        for name, inner in value.items()
    ]


Lines = Annotated[Text, BeforeValidator(_lines)]


class Component(Answer):
    """A component as the model wrote it."""

    type: Text
    heading: Lines = ""
    markdown: Lines = ""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        return named_fields(given, _FIELDS, _OTHERS) if isinstance(given, dict) else given


class PageText(Answer):
    """A page, or a part of one, in the model's order."""

    meta_title: Lines = ""
    meta_description: Lines = ""
    components: Annotated[tuple[Component, ...], BeforeValidator(_listed)]

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        return named_fields(given, _PAGE_FIELDS, _PAGE_OTHERS) if isinstance(given, dict) else given


class NotAPage(NotReadable):
    """The text is no page; `defects` says why, for the repair call and for people."""

    def __init__(self, defects: tuple[PageDefect, ...]) -> None:
        super().__init__("; ".join(defect.message for defect in defects[:3]))
        self.defects = defects


#: Keys are short, as those of stories are.
_COMPONENTS: dict[str, object] = {
    "type": "array",
    "items": schema_object(
        {
            "k": schema_field("type", "its name, as the task gives it"),
            "h": schema_field("heading", "a short line, or nothing"),
            "m": schema_field("markdown", "without the heading"),
        }
    ),
}
#: What the provider holds the answer to, in the subset it supports: of a page, or of its first
#: part; and of a part that comes later.
PAGE_SCHEMA: dict[str, object] = schema_object(
    {
        "t": schema_field("metaTitle", "of search results"),
        "d": schema_field("metaDescription", "of search results"),
        "components": _COMPONENTS,
    }
)
PART_SCHEMA: dict[str, object] = schema_object({"components": _COMPONENTS})

_FORM = SetForm(
    name="components",
    others=("sections", "blocks"),
    is_entry=lambda value: (
        has_key("type", "name", "component", "k")(value) and has_key(*_MARKDOWN_KEYS)(value)
    ),
)


def parse_page(text: str) -> PageText:
    """Read an answer.

    Raises:
        NotAPage: it does not hold one set of components, or not of the agreed shape.
    """
    try:
        return set_read(text, _FORM, PageText)
    except NotRead as error:
        raise NotAPage(tuple(_schema_defect(*one) for one in error.problems)) from error


def is_type(given: str, wanted: str) -> bool:
    """Whether an answer's component is the one that was asked for, however it is spelt."""
    return plain_key(given) == plain_key(wanted)


def _schema_defect(loc: tuple[int | str, ...], message: str) -> PageDefect:
    place = ".".join(str(part) for part in loc)
    return PageDefect(
        criterion="schema",
        kind="malformed",
        severity="high",
        message=f"{place}: {message}" if place else message,
        suggestion="Answer with one JSON object of the agreed form and nothing else.",
    )
