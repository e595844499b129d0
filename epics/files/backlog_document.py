"""A backlog as one JSON document: its shape, and how it is checked as a whole."""

from itertools import islice
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from epics import bounds
from epics.files.document_consistency import inconsistencies
from epics.files.document_fields import (
    BannedWords,
    Code,
    Criteria,
    CriterionNumber,
    Defect,
    EditedAt,
    FilledText,
    Grade,
    Hours,
    Language,
    Name,
    Note,
    OptionalCode,
    OptionalContext,
    OptionalName,
    OptionalText,
    Priority,
    Quote,
    Reviewed,
    Rules,
    Sample,
    Score,
    StoryCode,
    SubtaskCode,
    Text,
    Title,
    Tone,
    few,
    shared,
)
from epics.files.document_parts import MOST_COUNTED, Part, Problem, part_valid, parts_valid, refusal


class BrandVoice(Part):
    """How texts sound."""

    tone: Tone = ""
    do: Rules = shared([])
    dont: Rules = shared([])
    banned_words: BannedWords = shared([])
    sample: Sample = ""


class BacklogProject(Part):
    """What the backlog is of."""

    name: Name
    code: OptionalCode = ""
    description: OptionalText = ""
    context: OptionalContext = ""
    language: Language = "English"
    brand_voice: BrandVoice | None = None


class BacklogCard(Part):
    """One use case."""

    code: Code
    title: Title
    persona: OptionalName = ""
    statement: OptionalText = ""
    problem: Text | None = None
    systems: Annotated[list[Name], few()] = shared([])
    themes: Annotated[list[Name], few()] = shared([])
    quote: Quote = ""
    edited_at: EditedAt = None


class BacklogQuality(Part):
    """What the quality check found in a story."""

    score: Score | None = None
    defects: Annotated[list[Defect], few()] = shared([])


_NO_QUALITY = BacklogQuality()


class BacklogSubtask(Part):
    """A piece of work for a story, as an export has it."""

    code: SubtaskCode
    title: Title
    description: OptionalText = ""
    kind: Literal["design", "backend", "frontend", "data", "test", "docs", "ops"]
    effort_hours: Hours
    criteria: Annotated[list[CriterionNumber], few()] = shared([])
    edited_at: EditedAt = None
    review_status: Reviewed = "draft"
    review_note: Note = ""


class BacklogStory(Part):
    """A story, as an export has it."""

    code: StoryCode
    title: Title
    user_story: FilledText
    persona: OptionalName = ""
    acceptance_criteria: Criteria = shared([])
    technical_notes: Text | None = None
    priority: Grade = ""
    effort: Grade = ""
    quality: BacklogQuality = shared(_NO_QUALITY)
    #: When a person last changed it; runs keep such stories.
    edited_at: EditedAt = None
    review_status: Reviewed = "draft"
    review_note: Note = ""
    subtasks: Annotated[list[BacklogSubtask], Field(max_length=bounds.MAX_SUBTASKS_OF_STORY)] = (
        shared([])
    )


class BacklogEpic(Part):
    """An epic, its cards and the epics that come before it by their codes."""

    code: Code
    title: Title
    theme: OptionalName = ""
    description: OptionalText = ""
    business_value: OptionalText = ""
    acceptance_criteria: Criteria = shared([])
    dependencies: Annotated[list[Code], few()] = shared([])
    effort: OptionalCode = ""
    impact: OptionalCode = ""
    priority: Priority | None = None
    cards: Annotated[list[Code], few(bounds.MAX_CARDS)] = shared([])
    stories: Annotated[list[BacklogStory], Field(max_length=bounds.MAX_STORIES_OF_EPIC)] = shared(
        []
    )
    stories_outdated: bool = False
    #: Of a project's export; what comes from elsewhere is imported.
    origin: Literal["manual", "import", "generated"] = "import"
    edited_at: EditedAt = None
    review_status: Reviewed = "draft"
    review_note: Note = ""


class Backlog(Part):
    """A project with its cards and epics."""

    project: BacklogProject
    source: OptionalText = ""
    cards: Annotated[list[BacklogCard], Field(max_length=bounds.MAX_CARDS)]
    epics: Annotated[list[BacklogEpic], Field(max_length=bounds.MAX_EPICS)]


class _Frame(Part):
    """A backlog, its cards and epics only counted."""

    project: BacklogProject
    source: OptionalText = ""
    cards: Annotated[list[Any], Field(max_length=bounds.MAX_CARDS)]
    epics: Annotated[list[Any], Field(max_length=bounds.MAX_EPICS)]


_MOST_ENTRIES = max(bounds.MAX_CARDS, bounds.MAX_EPICS)
P = TypeVar("P", bound=Part)


def backlog_parse(document: object) -> Backlog:
    """The document, checked as a whole.

    Raises:
        ValidationFailed: details have up to MAX_PROBLEMS problems, each under its path.
    """
    problems: list[Problem] = []
    frame = part_valid(_Frame, document, problems)
    cards = _entries_valid(document, "cards", BacklogCard, problems)
    epics = _entries_valid(document, "epics", BacklogEpic, problems)
    if isinstance(document, dict):
        problems += islice(inconsistencies(document), MOST_COUNTED)
    if problems or frame is None:
        raise refusal("The backlog was not imported.", problems)
    return Backlog.model_construct(
        project=frame.project, source=frame.source, cards=cards, epics=epics
    )


def _entries_valid(document: object, key: str, part: type[P], problems: list[Problem]) -> list[P]:
    entries = document.get(key) if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > _MOST_ENTRIES:
        return []  # what the frame tells
    return parts_valid(part, entries, problems, key)
