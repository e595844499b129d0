"""The answer that a call must give: its schema, and how it is read."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from quality.text import has_words
from workers.generation import StoryDefect

_DEFECTS_NAMED = 20


def _readable(text: str) -> str:
    if not has_words(text):
        raise ValueError("must hold readable text")
    return text


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


Readable = Annotated[str, AfterValidator(_readable)]
# The provider does not promise the case of an enum's values.
PriorityLevel = Annotated[Literal["high", "medium", "low"], BeforeValidator(_lower)]
EffortSize = Annotated[Literal["S", "M", "L"], BeforeValidator(_upper)]


class Answer(BaseModel):
    """A part of the answer; names are camelCase on the wire."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True)


class Story(Answer):
    """A story as the model wrote it."""

    title: Readable
    persona: Readable
    user_story: Readable
    acceptance_criteria: tuple[str, ...]
    technical_notes: str | None
    priority: PriorityLevel
    effort: EffortSize


class StorySet(Answer):
    """All stories of an epic, in the model's order."""

    stories: tuple[Story, ...] = Field(min_length=1)


class NotAStorySet(Exception):
    """The text is not a story set; `defects` says why, for the repair call and for people."""

    def __init__(self, defects: tuple[StoryDefect, ...]) -> None:
        super().__init__("; ".join(defect.message for defect in defects[:3]))
        self.defects = defects


def _schema_object(properties: dict[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_STRING: dict[str, object] = {"type": "string"}

#: What the provider holds the answer to. Written by hand in the subset it supports (no lengths,
#: no ranges), so that this module does not need the provider's SDK.
STORY_SET_SCHEMA: dict[str, object] = _schema_object(
    {
        "stories": {
            "type": "array",
            "items": _schema_object(
                {
                    "title": _STRING,
                    "persona": _STRING,
                    "userStory": _STRING,
                    "acceptanceCriteria": {"type": "array", "items": _STRING},
                    "technicalNotes": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "priority": {"type": "string", "enum": ["high", "medium", "low"]},
                    "effort": {"type": "string", "enum": ["S", "M", "L"]},
                }
            ),
        }
    }
)


def parse_story_set(text: str) -> StorySet:
    """Read an answer.

    Raises:
        NotAStorySet: not JSON, or not of the agreed shape.
    """
    try:
        return StorySet.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        defects = tuple(_schema_defect(e["loc"], e["msg"]) for e in found[:_DEFECTS_NAMED])
        raise NotAStorySet(defects) from error


def _schema_defect(loc: tuple[int | str, ...], message: str) -> StoryDefect:
    in_story = len(loc) > 1 and isinstance(loc[1], int)
    place = ".".join(str(part) for part in (loc[2:] if in_story else loc))
    return StoryDefect(
        story=int(loc[1]) + 1 if in_story else 0,
        criterion="schema",
        kind="malformed",
        severity="high",
        message=f"{place}: {message}" if place else message,
        suggestion="Answer with the JSON object of the agreed schema.",
    )
