"""The answer that a call must give: its schema, and how it is read."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from content.answer_fields import (
    Answer,
    Readable,
    Text,
    number_or_none,
    schema_field,
    schema_object,
)
from content.answer_sets import NotRead, SetForm, has_key, set_read
from content.asking import NotReadable
from content.subtasks.answer_forms import criteria_numbers, hours, subtask_fields, subtask_kind
from content.subtasks.values import KINDS, SubtaskDefect


def _text(value: object) -> object:
    return "" if value is None else value


class Subtask(Answer):
    """A subtask as the model wrote it.

    Attributes:
        replaces: in a repair, the number of the subtask whose place this one takes, 0 for a
            further one; None where the whole set is written.
    """

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
    replaces: Annotated[int | None, BeforeValidator(number_or_none)] = None

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


#: What the provider holds the answer to, in the subset of JSON Schema that it supports; keys are
#: short, as those of stories are. `i` is there in every call, so that repairs share the cache.
SUBTASK_SET_SCHEMA: dict[str, object] = schema_object(
    {
        "subtasks": {
            "type": "array",
            "items": schema_object(
                {
                    "t": schema_field("title", "3 to 12 words that begin with a verb"),
                    "d": schema_field("description", "what is done, and how one sees it"),
                    "k": schema_field("kind", "of work", type="string", enum=list(KINDS)),
                    "h": schema_field("effortHours", "0.5 to 40", type="number"),
                },
                {
                    "c": schema_field(
                        "criteria",
                        "numbers of those that it serves, only where it serves some",
                        type="array",
                        items={"type": "integer"},
                    ),
                    "i": schema_field(
                        "replaces",
                        "only in a repair: the number of the subtask, 0 for a further one",
                        type="integer",
                    ),
                },
            ),
        }
    }
)
_FORM = SetForm(
    name="subtasks", others=("tasks",), is_entry=has_key("efforthours", "kind", "hours", "h", "k")
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
