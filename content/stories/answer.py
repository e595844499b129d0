"""The answer that a call must give: its schema, and how it is read.

A model that was not held to the schema says the same in other forms. What has one meaning is
read as that; what has two, or none, is a defect for the repair call.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from content.answer_fields import Answer, Readable, Text, schema_object
from content.answer_sets import NotRead, SetForm, has_key, set_read
from content.answer_texts import criteria, effort, priority
from content.asking import NotReadable
from content.stories.answer_forms import notes, story_fields
from content.stories.values import StoryDefect


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


_FORM = SetForm(name="stories", others=("userstories",), is_entry=has_key("userstory"))


def parse_story_set(text: str) -> StorySet:
    """Read an answer.

    Raises:
        NotAStorySet: it does not hold one set of stories, or not of the agreed shape.
    """
    try:
        return set_read(text, _FORM, StorySet)
    except NotRead as error:
        raise NotAStorySet(tuple(_schema_defect(*one) for one in error.problems)) from error


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
