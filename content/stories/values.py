"""The values that go into, through and out of the generation of one epic's stories.

GenerationError            this epic fails; the run goes on
├── NothingToGenerate      NOTHING_TO_GENERATE  neither cards nor a description: skipped
├── InvalidEpic            VALIDATION           the epic or the run's options cannot be used
├── Refused                REFUSED              the model declined to answer
├── OutputCut              OUTPUT_TRUNCATED     the answer did not fit, larger cap included
└── UnusableAnswer         UNUSABLE_ANSWER      not the agreed JSON, repair call included
"""

from dataclasses import dataclass
from typing import ClassVar

from quality.defects import Defect
from quality.linter import DEFAULT_BAR

#: Mode -> how many stories an epic gets: at least, at most.
STORY_RANGES: dict[str, tuple[int, int]] = {
    "concise": (3, 5),
    "standard": (5, 8),
    "comprehensive": (8, 15),
}
DEFAULT_LANGUAGE = "English"
PERSONA_SETS: tuple[str, ...] = ("core", "extended", "cards")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectInput:
    """What every epic of the project shares; the same for all calls of a run."""

    name: str
    description: str
    context: str
    language: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EpicInput:
    """The epic whose stories are wanted."""

    code: str
    title: str
    theme: str
    description: str
    business_value: str
    acceptance_criteria: tuple[str, ...]
    dependencies: tuple[str, ...]
    effort: str
    impact: str
    priority: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CardInput:
    """One use case, as somebody voiced it."""

    code: str
    title: str
    persona: str
    statement: str
    problem: str | None
    systems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptStory:
    """A story of the epic that a person edited and that stays as it is."""

    title: str
    user_story: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationInput:
    """All that the pipeline needs to write one epic's stories."""

    run_epic_id: str
    project: ProjectInput
    epic: EpicInput
    cards: tuple[CardInput, ...]
    mode: str
    persona_set: str
    model: str
    max_tokens: int
    skip_quality_check: bool
    #: What a set must score, of 100, lest it is written again once.
    quality_bar: int = DEFAULT_BAR
    kept: tuple[KeptStory, ...] = ()

    @property
    def story_range(self) -> tuple[int, int]:
        """How many stories to write: the mode's range less those that stay, but at least one."""
        low, high = STORY_RANGES[self.mode]
        return max(1, low - len(self.kept)), max(1, high - len(self.kept))


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryDefect(Defect):
    """What is wrong with a story of an answer; `story` is its position, 0 for the whole set."""

    story: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryDraft:
    """A story ready to be stored; `position` counts from 1.

    `quality_score` runs from 0 to 100; it is None when the quality check was skipped.
    """

    position: int
    code: str
    title: str
    user_story: str
    persona: str
    acceptance_criteria: tuple[str, ...]
    technical_notes: str | None
    priority: str
    effort: str
    quality_score: int | None = None
    defects: tuple[StoryDefect, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationOutput:
    """The stories, what each stage took, and what a reader of the log should know."""

    stories: tuple[StoryDraft, ...]
    stage_ms: dict[str, int]
    skipped_stages: tuple[str, ...]
    notes: tuple[str, ...]


class GenerationError(Exception):
    """This epic's stories cannot be generated; other epics are not affected."""

    code: ClassVar[str] = "GENERATION_FAILED"

    def __init__(self, message: str) -> None:
        """`message` is for a person and says what to do."""
        super().__init__(message)
        self.message = message


class NothingToGenerate(GenerationError):
    """The epic has neither cards nor a description."""

    code = "NOTHING_TO_GENERATE"


class InvalidEpic(GenerationError):
    """The epic, or what the run asks for, cannot be used."""

    code = "VALIDATION"


class Refused(GenerationError):
    """The model declined to answer."""

    code = "REFUSED"


class OutputCut(GenerationError):
    """The answer did not fit."""

    code = "OUTPUT_TRUNCATED"


class UnusableAnswer(GenerationError):
    """The answer is not the agreed JSON, and neither was the repaired one."""

    code = "UNUSABLE_ANSWER"
