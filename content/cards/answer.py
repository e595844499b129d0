"""The answer that a call must give: its schema, and how it is read."""

from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo, model_validator

from content.answer_fields import (
    Answer,
    Readable,
    Text,
    number_or_none,
    schema_field,
    schema_object,
)
from content.answer_sets import NotRead, SetForm, frame_for, has_key, set_read
from content.asking import NotReadable
from content.cards.answer_forms import card_fields, text_or_empty, text_or_none, texts
from content.cards.values import CardDefect
from content.sentences import ENGLISH, Frame


class Card(Answer):
    """A card as the model wrote it, its statement put together.

    Attributes:
        replaces: in a repair, the number of the card whose place this one takes, 0 for a further
            one; None where the whole answer is written.
    """

    title: Readable
    persona: Annotated[Text, BeforeValidator(text_or_empty)] = ""
    statement: Readable
    problem: Annotated[Text | None, BeforeValidator(text_or_none)] = None
    systems: Annotated[tuple[Text, ...], BeforeValidator(texts)] = ()
    themes: Annotated[tuple[Text, ...], BeforeValidator(texts)] = ()
    quote: Annotated[Text, BeforeValidator(text_or_empty)] = ""
    replaces: Annotated[int | None, BeforeValidator(number_or_none)] = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: object, info: ValidationInfo) -> object:
        return card_fields(given, frame_for(info)) if isinstance(given, dict) else given


class CardSet(Answer):
    """All cards of a part, in the model's order; a part may voice none."""

    cards: tuple[Card, ...]


class NotACardSet(NotReadable):
    """The text is not a set of cards; `defects` says why, for the repair call and for people."""

    def __init__(self, defects: tuple[CardDefect, ...]) -> None:
        super().__init__("; ".join(defect.message for defect in defects[:3]))
        self.defects = defects


_STRINGS: dict[str, object] = {"type": "array", "items": {"type": "string"}}
_QUOTE = "words of the part, letter by letter"
_OPTIONAL: dict[str, object] = {
    "p": schema_field("problem", "only where the text says what goes wrong"),
    "y": schema_field("systems", "only where the text names some", **_STRINGS),
    "i": schema_field(
        "replaces", "only in a repair: the number of the card, 0 for a further one", type="integer"
    ),
}


def _set_of(parts: dict[str, object], optional: dict[str, object]) -> dict[str, object]:
    """Of cards; first what they rest on, then what it says."""
    card = schema_object(
        {
            "q": schema_field("quote", _QUOTE),
            "r": schema_field("persona", "who wants it, in 1 to 3 words"),
            **parts,
            "m": schema_field("themes", "1 to 3", **_STRINGS),
        },
        {**optional, **_OPTIONAL},
    )
    return schema_object({"cards": {"type": "array", "items": card}})


#: What the provider holds the answer to, in the subset of JSON Schema that it supports; keys are
#: short, as those of stories are. `i` is there in every call, so that repairs share the cache.
CARD_SET_SCHEMA = _set_of(
    {"w": schema_field("want", "behind I want: to do something")},
    {
        "b": schema_field("benefit", "behind so that; only where the text gives a reason"),
        "t": schema_field("shorterTitle", "only where the want would be no good title"),
    },
)
#: In a language without a frame.
SENTENCES_SCHEMA = _set_of(
    {
        "t": schema_field("title", "3 to 10 words that name the need"),
        "s": schema_field("statement", "the whole sentence, in the language of the task"),
    },
    {},
)
_FORM = SetForm(
    name="cards",
    others=("usecases",),
    is_entry=has_key("statement", "quote", "want", "w", "s", "q"),
)


def schema_for(frame: Frame | None) -> dict[str, object]:
    """What an answer in a language with this frame, or without one, is held to."""
    return CARD_SET_SCHEMA if frame else SENTENCES_SCHEMA


def parse_card_set(text: str, frame: Frame | None = ENGLISH) -> CardSet:
    """Read an answer, in this form or with whole statements and names, as answers once were.

    Args:
        frame: of the language that it is in.

    Raises:
        NotACardSet: it does not hold one set of cards, or not of the agreed shape.
    """
    try:
        return set_read(text, _FORM, CardSet, frame=frame)
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
