"""The answer that a call must give: its schema, and how it is read."""

from typing import Annotated

from pydantic import BeforeValidator, model_validator

from content.answer_fields import Answer, Readable, Text, schema_object
from content.answer_sets import NotRead, SetForm, has_key, set_read
from content.asking import NotReadable
from content.cards.answer_forms import card_fields, text_or_empty, text_or_none, texts
from content.cards.values import CardDefect


class Card(Answer):
    """A card as the model wrote it."""

    title: Readable
    persona: Annotated[Text, BeforeValidator(text_or_empty)] = ""
    statement: Readable
    problem: Annotated[Text | None, BeforeValidator(text_or_none)] = None
    systems: Annotated[tuple[Text, ...], BeforeValidator(texts)] = ()
    themes: Annotated[tuple[Text, ...], BeforeValidator(texts)] = ()
    quote: Annotated[Text, BeforeValidator(text_or_empty)] = ""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        return card_fields(given) if isinstance(given, dict) else given


class CardSet(Answer):
    """All cards of a part, in the model's order; a part may voice none."""

    cards: tuple[Card, ...]


class NotACardSet(NotReadable):
    """The text is not a set of cards; `defects` says why, for the repair call and for people."""

    def __init__(self, defects: tuple[CardDefect, ...]) -> None:
        super().__init__("; ".join(defect.message for defect in defects[:3]))
        self.defects = defects


_STRING: dict[str, object] = {"type": "string"}
_STRINGS: dict[str, object] = {"type": "array", "items": _STRING}

#: What the provider holds the answer to, in the subset of JSON Schema that it supports.
CARD_SET_SCHEMA: dict[str, object] = schema_object(
    {
        "cards": {
            "type": "array",
            "items": schema_object(
                {
                    "title": _STRING,
                    "persona": _STRING,
                    "statement": _STRING,
                    "problem": {"anyOf": [_STRING, {"type": "null"}]},
                    "systems": _STRINGS,
                    "themes": _STRINGS,
                    "quote": _STRING,
                }
            ),
        }
    }
)
_FORM = SetForm(name="cards", others=("usecases",), is_entry=has_key("statement", "quote"))


def parse_card_set(text: str) -> CardSet:
    """Read an answer.

    Raises:
        NotACardSet: it does not hold one set of cards, or not of the agreed shape.
    """
    try:
        return set_read(text, _FORM, CardSet)
    except NotRead as error:
        raise NotACardSet(tuple(_schema_defect(*one) for one in error.problems)) from error


def _schema_defect(loc: tuple[int | str, ...], message: str) -> CardDefect:
    in_card = len(loc) > 1 and isinstance(loc[1], int)
    place = ".".join(str(part) for part in (loc[2:] if in_card else loc))
    return CardDefect(
        card=int(loc[1]) + 1 if in_card else 0,
        message=f"{place}: {message}" if place else message,
        suggestion="Answer with one JSON object of the agreed form and nothing else.",
    )
