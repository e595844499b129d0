"""The answers that calls must give: their schemas, and how they are read.

A model that was not held to the schema says the same in other forms. What has one meaning is
read as that; what has two, or none, is a defect for the repair call.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator

from content.answer_fields import Answer, Readable, Text, schema_object
from content.answer_sets import NotRead, SetForm, has_key, set_read
from content.answer_texts import criteria, effort, impact
from content.asking import NotReadable
from content.epics.answer_forms import MEMBER_NAMES, epic_fields, names, place, reasons
from content.epics.values import EpicDefect


def _or_empty(value: object) -> object:
    return "" if value is None else value


Optional = Annotated[Text, BeforeValidator(_or_empty)]
Names = Annotated[tuple[Text, ...], BeforeValidator(names)]


class WrittenEpic(Answer):
    """An epic as the model wrote it; `members` are codes of cards, or refs of epics."""

    title: Readable
    theme: Optional = ""
    description: Readable
    business_value: Optional = ""
    acceptance_criteria: Annotated[tuple[Text, ...], BeforeValidator(criteria)] = ()
    dependencies: Names = ()
    effort: Annotated[Literal["S", "M", "L"], BeforeValidator(effort)]
    impact: Annotated[Literal["high", "medium", "low"], BeforeValidator(impact)]
    priority: Annotated[int, BeforeValidator(place)]
    members: Names

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        return epic_fields(given) if isinstance(given, dict) else given


class WrittenReason(Answer):
    """Why a card is in no epic."""

    code: Readable
    reason: Optional = ""


class EpicSet(Answer):
    """All epics of an answer, in the model's order."""

    epics: tuple[WrittenEpic, ...]
    unassigned: Annotated[tuple[WrittenReason, ...], BeforeValidator(reasons)] = ()


class NotAnEpicSet(NotReadable):
    """The text is not a set of epics; `defects` says why, for the repair call and for people."""

    def __init__(self, defects: tuple[EpicDefect, ...]) -> None:
        super().__init__("; ".join(defect.message for defect in defects[:3]))
        self.defects = defects


_STRING: dict[str, object] = {"type": "string"}
_STRINGS: dict[str, object] = {"type": "array", "items": _STRING}
_FIELDS: dict[str, object] = {
    "title": _STRING,
    "theme": _STRING,
    "description": _STRING,
    "businessValue": _STRING,
    "acceptanceCriteria": _STRINGS,
    "dependencies": _STRINGS,
    "effort": {"type": "string", "enum": ["S", "M", "L"]},
    "impact": {"type": "string", "enum": ["high", "medium", "low"]},
    "priority": {"type": "integer"},
}


def _epics_with(members: str) -> dict[str, object]:
    return {"type": "array", "items": schema_object({**_FIELDS, members: _STRINGS})}


#: What the provider holds an answer about cards to, and one about epics to merge.
EPIC_SET_SCHEMA: dict[str, object] = schema_object(
    {
        "epics": _epics_with("cardCodes"),
        "unassigned": {
            "type": "array",
            "items": schema_object({"code": _STRING, "reason": _STRING}),
        },
    }
)
MERGED_SET_SCHEMA: dict[str, object] = schema_object({"epics": _epics_with("mergedFrom")})

_FORM = SetForm(name="epics", is_entry=has_key(*MEMBER_NAMES))


def parse_epic_set(text: str) -> EpicSet:
    """Read an answer.

    Raises:
        NotAnEpicSet: it does not hold one set of epics, or not of the agreed shape.
    """
    try:
        return set_read(text, _FORM, EpicSet)
    except NotRead as error:
        raise NotAnEpicSet(tuple(_schema_defect(*one) for one in error.problems)) from error


def _schema_defect(loc: tuple[int | str, ...], message: str) -> EpicDefect:
    in_epic = len(loc) > 1 and loc[0] == "epics" and isinstance(loc[1], int)
    place = ".".join(str(part) for part in (loc[2:] if in_epic else loc))
    return EpicDefect(
        epic=int(loc[1]) + 1 if in_epic else 0,
        kind="malformed",
        message=f"{place}: {message}" if place else message,
        suggestion="Answer with one JSON object of the agreed form and nothing else.",
    )
