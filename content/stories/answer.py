"""The answer that a call must give: its schema, and how it is read.

A model that was not held to the schema says the same in other forms. What has one meaning is
read as that; what has two, or none, is a defect for the repair call.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from content.answer_fields import (
    Answer,
    Readable,
    Text,
    number_or_none,
    schema_field,
    schema_object,
)
from content.answer_sets import NotRead, SetForm, frame_for, has_key, set_read
from content.answer_texts import effort, priority
from content.asking import NotReadable
from content.sentences import ENGLISH, Frame
from content.stories.answer_forms import notes, story_fields
from content.stories.values import StoryDefect


class Story(Answer):
    """A story as the model wrote it, its sentences put together.

    Attributes:
        replaces: in a repair, the number of the story whose place this one takes, 0 for a further
            one; None where the whole set is written.
    """

    title: Readable
    persona: Readable
    user_story: Readable
    acceptance_criteria: tuple[Text, ...] = ()
    technical_notes: Annotated[Text | None, BeforeValidator(notes)] = None
    priority: Annotated[Literal["high", "medium", "low"], BeforeValidator(priority)]
    effort: Annotated[Literal["S", "M", "L"], BeforeValidator(effort)]
    replaces: Annotated[int | None, BeforeValidator(number_or_none)] = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: object, info: ValidationInfo) -> object:
        return story_fields(given, frame_for(info)) if isinstance(given, dict) else given


class StorySet(Answer):
    """All stories of an epic, in the model's order."""

    stories: tuple[Story, ...] = Field(min_length=1)


NO_STORIES = StorySet.model_construct(stories=())


class NotAStorySet(NotReadable):
    """The text is not a story set; `defects` says why, for the repair call and for people."""

    def __init__(self, defects: tuple[StoryDefect, ...]) -> None:
        super().__init__("; ".join(defect.message for defect in defects[:3]))
        self.defects = defects


#: What the provider holds the answer to, in the subset of JSON Schema that it supports (no lengths,
#: no ranges). Keys are short, for each answer pays for them; their names and what they mean stand
#: beside them, which is input that is cached. `i` is there in every call, since another schema for
#: repairs would cost what the cache holds.
_CRITERIA: dict[str, object] = {"type": "array", "items": {"type": "string"}}
_SCORED: dict[str, object] = {
    "p": schema_field("priority", "of the epic", type="string", enum=["high", "medium", "low"]),
    "e": schema_field("effort", "small, medium or large", type="string", enum=["S", "M", "L"]),
}
_OPTIONAL: dict[str, object] = {
    "n": schema_field("technicalNotes", "only where there are some"),
    "i": schema_field(
        "replaces", "only in a repair: the number of the story, 0 for a further one", type="integer"
    ),
}
_TITLE = "only where the want would be no good title: 3 to 10 words"


def _set_of(parts: dict[str, object], optional: dict[str, object]) -> dict[str, object]:
    story = schema_object({**parts, **_SCORED}, {**optional, **_OPTIONAL})
    return schema_object({"stories": {"type": "array", "items": story}})


_CLAUSES = schema_field("given|when|then", "three clauses each, divided by |", **_CRITERIA)
#: Of stories whose sentences are put together here.
STORY_SET_SCHEMA = _set_of(
    {
        "r": schema_field("persona", "who wants it: the name alone"),
        "w": schema_field("want", "behind I want: to do something"),
        "b": schema_field("benefit", "behind so that"),
        "c": _CLAUSES,
    },
    {"t": schema_field("shorterTitle", _TITLE)},
)
#: Of stories in a language without a frame.
SENTENCES_SCHEMA = _set_of(
    {
        "t": schema_field("title", "3 to 10 words that name the want"),
        "r": schema_field("persona", "who wants it: the name alone"),
        "s": schema_field("userStory", "the whole sentence, in the language of the task"),
        "c": schema_field("acceptanceCriteria", "a whole sentence each", **_CRITERIA),
    },
    {},
)


_FORM = SetForm(
    name="stories", others=("userstories",), is_entry=has_key("userstory", "want", "w", "s")
)


def schema_for(frame: Frame | None) -> dict[str, object]:
    """What an answer in a language with this frame, or without one, is held to."""
    return STORY_SET_SCHEMA if frame else SENTENCES_SCHEMA


def parse_story_set(text: str, frame: Frame | None = ENGLISH) -> StorySet:
    """Read an answer, in this form or with whole sentences and names, as answers once were.

    Args:
        frame: of the language that it is in.

    Raises:
        NotAStorySet: it does not hold one set of stories, or not of the agreed shape.
    """
    try:
        return set_read(text, _FORM, StorySet, frame=frame)
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
