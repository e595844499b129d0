"""The answers that calls must give: their schemas, and how they are read.

A model that was not held to the schema says the same in other forms. What has one meaning is
read as that; what has two, or none, is a defect for the repair call.
"""

from functools import cache
from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator

from content.answer_fields import Answer, Readable, Text, schema_field, schema_object
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
    """An epic as the model wrote it; `members` are codes of cards, or refs of epics.

    Attributes:
        priority: where the answer says it; else its place in the answer is meant.
    """

    title: Readable
    theme: Optional = ""
    description: Readable
    business_value: Optional = ""
    acceptance_criteria: Annotated[tuple[Text, ...], BeforeValidator(criteria)] = ()
    dependencies: Names = ()
    effort: Annotated[Literal["S", "M", "L"], BeforeValidator(effort)]
    impact: Annotated[Literal["high", "medium", "low"], BeforeValidator(impact)]
    priority: Annotated[int | None, BeforeValidator(place)] = None
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
_TITLES = "exact titles of others, or codes of kept ones; only where it cannot be used without"
#: Keys are short, as those of stories are. An epic's priority is its place.
_FIELDS: dict[str, object] = {
    "t": schema_field("title", "2 to 6 words that name the outcome"),
    "h": schema_field("theme", "one or two words"),
    "d": schema_field("description", "two or three sentences"),
    "v": schema_field("businessValue", "one sentence"),
    "c": schema_field("acceptanceCriteria", "2 to 4", **_STRINGS),
    "e": schema_field("effort", "small, medium or large", type="string", enum=["S", "M", "L"]),
    "m": schema_field("impact", "on users", type="string", enum=["high", "medium", "low"]),
}
_OPTIONAL: dict[str, object] = {"n": schema_field("dependencies", _TITLES, **_STRINGS)}
_UNASSIGNED: dict[str, object] = {
    "type": "array",
    "items": schema_object({"code": _STRING, "reason": _STRING}),
}


def _epics_with(members: str, *, listed: bool) -> dict[str, object]:
    if listed:
        held = schema_field(members, "each one", **_STRINGS)
    else:
        held = schema_field(f"{members} with commas between", "C4,C17")
    return {"type": "array", "items": schema_object({**_FIELDS, "k": held}, _OPTIONAL)}


@cache
def schema_for(*, merging: bool, listed: bool = False) -> dict[str, object]:
    """What the provider holds an answer about cards to, or one about epics to merge.

    Args:
        listed: some code has a comma in it, so that they do not fit into one text.
    """
    if merging:
        return schema_object({"epics": _epics_with("mergedFrom", listed=listed)})
    return schema_object(
        {"epics": _epics_with("cardCodes", listed=listed)}, {"unassigned": _UNASSIGNED}
    )


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
