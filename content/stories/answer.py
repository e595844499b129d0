"""The answer that a call must give: its schema, and how it is read.

A model that was not held to the schema says the same in other forms. What has one meaning is
read as that; what has two, or none, is a defect for the repair call.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from content.answer_fields import Answer, Readable, Text, plain_key, schema_object
from content.answer_json import TwoMeanings, json_found
from content.asking import NotReadable
from content.stories.answer_forms import (
    criteria,
    effort,
    notes,
    priority,
    story_fields,
)
from content.stories.values import StoryDefect

_DEFECTS_NAMED = 20
#: Objects around the stories: {"answer": {"stories": [...]}}.
_WRAPPERS = 3


class Story(Answer):
    """A story as the model wrote it."""

    title: Readable
    persona: Readable
    user_story: Readable
    acceptance_criteria: Annotated[tuple[Text, ...], BeforeValidator(criteria)] = ()
    technical_notes: Annotated[Text | None, BeforeValidator(notes)] = None
    priority: Annotated[Literal["high", "medium", "low"], BeforeValidator(priority)]
    effort: Annotated[Literal["S", "M", "L"], BeforeValidator(effort)]

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        return story_fields(given) if isinstance(given, dict) else given


class StorySet(Answer):
    """All stories of an epic, in the model's order."""

    stories: tuple[Story, ...] = Field(min_length=1)


NO_STORIES = StorySet.model_construct(stories=())


class NotAStorySet(NotReadable):
    """The text is not a story set; `defects` says why, for the repair call and for people."""

    def __init__(self, defects: tuple[StoryDefect, ...]) -> None:
        super().__init__("; ".join(defect.message for defect in defects[:3]))
        self.defects = defects


_STRING: dict[str, object] = {"type": "string"}

#: What the provider holds the answer to. Written by hand in the subset it supports (no lengths,
#: no ranges), so that this module does not need the provider's SDK.
STORY_SET_SCHEMA: dict[str, object] = schema_object(
    {
        "stories": {
            "type": "array",
            "items": schema_object(
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
        NotAStorySet: it does not hold one set of stories, or not of the agreed shape.
    """
    try:
        return StorySet.model_validate(_one_set(text))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        defects = tuple(_schema_defect(e["loc"], e["msg"]) for e in found[:_DEFECTS_NAMED])
        raise NotAStorySet(defects) from error
    except TwoMeanings as error:
        raise _not_one(f"{error}, with two values") from error
    except RecursionError as error:
        raise _not_one("The answer is nested too deep.") from error


def _one_set(text: str) -> object:
    """The one object with stories in the text, as the schema has it."""
    found = json_found(text)
    sets: list[list[object]] = []
    for one in found:
        stories = _stories_of(one.value, torn=one.torn)
        if stories is not None and stories not in sets:
            sets.append(stories)
    if len(sets) > 1:
        raise _not_one(f"The answer holds {len(sets)} different sets of stories.")
    if sets:
        return {"stories": sets[0]}
    if len(found) != 1 or found[0].torn:
        raise _not_one("The answer holds no complete JSON object with stories.")
    return found[0].value


def _stories_of(value: object, *, torn: bool) -> list[object] | None:
    """The list of stories in a value that is a list of them, one of them, or has them.

    Args:
        torn: the value may be a part of a set that broke off; only a whole set counts.
    """
    for _ in range(_WRAPPERS):
        if isinstance(value, list):
            return value if value and all(map(_is_story, value)) and not torn else None
        if not isinstance(value, dict):
            return None
        for key, inner in value.items():
            if plain_key(key) in ("stories", "userstories") and isinstance(inner, list):
                return inner
        if _is_story(value):
            return None if torn else [value]
        if len(value) != 1:
            return None
        (value,) = value.values()
    return None


def _is_story(value: object) -> bool:
    return isinstance(value, dict) and any(plain_key(key) == "userstory" for key in value)


def _not_one(message: str) -> NotAStorySet:
    return NotAStorySet((_schema_defect((), message),))


def _schema_defect(loc: tuple[int | str, ...], message: str) -> StoryDefect:
    in_story = len(loc) > 1 and isinstance(loc[1], int)
    place = ".".join(str(part) for part in (loc[2:] if in_story else loc))
    return StoryDefect(
        story=int(loc[1]) + 1 if in_story else 0,
        criterion="schema",
        kind="malformed",
        severity="high",
        message=f"{place}: {message}" if place else message,
        suggestion="Answer with one JSON object of the agreed form and nothing else.",
    )
