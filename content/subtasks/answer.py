"""The answer that a call must give: its schema, and how it is read."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from content.answer_fields import Answer, Readable, Text, schema_object
from content.answer_sets import NotRead, SetForm, has_key, set_read
from content.asking import NotReadable
from content.subtasks.answer_forms import criteria_numbers, hours, subtask_fields, subtask_kind
from content.subtasks.values import KINDS, SubtaskDefect


def _text(value: object) -> object:
    return "" if value is None else value


class Subtask(Answer):
    """A subtask as the model wrote it."""

    title: Readable
    description: Annotated[Text, BeforeValidator(_text)] = ""
    kind: Annotated[
        Literal["design", "backend", "frontend", "data", "test", "docs", "ops"],
        BeforeValidator(subtask_kind),
    ]
    effort_hours: Annotated[
        float, BeforeValidator(hours), Field(gt=0, le=10_000, allow_inf_nan=False)
    ]
    criteria: Annotated[tuple[int, ...], BeforeValidator(criteria_numbers)] = ()

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        return subtask_fields(given) if isinstance(given, dict) else given


class SubtaskSet(Answer):
    """All subtasks of a story, in the model's order."""

    subtasks: tuple[Subtask, ...] = Field(min_length=1)


NO_SUBTASKS = SubtaskSet.model_construct(subtasks=())


class NotASubtaskSet(NotReadable):
    """The text is not a set of subtasks; `defects` says why, for the repair call and for people."""

    def __init__(self, defects: tuple[SubtaskDefect, ...]) -> None:
        super().__init__("; ".join(defect.message for defect in defects[:3]))
        self.defects = defects


_STRING: dict[str, object] = {"type": "string"}

#: What the provider holds the answer to, in the subset of JSON Schema that it supports.
SUBTASK_SET_SCHEMA: dict[str, object] = schema_object(
    {
        "subtasks": {
            "type": "array",
            "items": schema_object(
                {
                    "title": _STRING,
                    "description": _STRING,
                    "kind": {"type": "string", "enum": list(KINDS)},
                    "effortHours": {"type": "number"},
                    "criteria": {"type": "array", "items": {"type": "integer"}},
                }
            ),
        }
    }
)
_FORM = SetForm(
    name="subtasks", others=("tasks",), is_entry=has_key("efforthours", "kind", "hours")
)


def parse_subtask_set(text: str) -> SubtaskSet:
    """Read an answer.

    Raises:
        NotASubtaskSet: it does not hold one set of subtasks, or not of the agreed shape.
    """
    try:
        return set_read(text, _FORM, SubtaskSet)
    except NotRead as error:
        raise NotASubtaskSet(tuple(_schema_defect(*one) for one in error.problems)) from error


def _schema_defect(loc: tuple[int | str, ...], message: str) -> SubtaskDefect:
    in_subtask = len(loc) > 1 and isinstance(loc[1], int)
    place = ".".join(str(part) for part in (loc[2:] if in_subtask else loc))
    return SubtaskDefect(
        subtask=int(loc[1]) + 1 if in_subtask else 0,
        message=f"{place}: {message}" if place else message,
        suggestion="Answer with one JSON object of the agreed form and nothing else.",
    )
