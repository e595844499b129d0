"""The values that go into, through and out of the generation of one epic's stories."""

from dataclasses import dataclass

from content.project_input import ProjectInput
from content.prompts import PromptFolder
from content.sentences import ENGLISH, Frame
from providers.values import TextBlock
from quality.defects import Defect
from quality.linter import DEFAULT_BAR

#: Mode -> how many stories an epic gets: at least, at most.
STORY_RANGES: dict[str, tuple[int, int]] = {
    "concise": (3, 5),
    "standard": (5, 8),
    "comprehensive": (8, 15),
}
PERSONA_SETS: tuple[str, ...] = ("core", "extended", "cards")


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
    prompts: PromptFolder
    #: Of the stories, by its English name.
    language: str
    #: How sentences of that language are put together; None where they come whole.
    frame: Frame | None = ENGLISH
    #: What the person who started the run asks for beside.
    instructions: str = ""
    #: Below this score, of 100, a set is written again once.
    quality_bar: int = DEFAULT_BAR
    kept: tuple[KeptStory, ...] = ()
    #: `Epic.prompt_revision` as it was read; None counts as unchanged.
    prompt_revision: int | None = None

    @property
    def story_range(self) -> tuple[int, int]:
        """How many stories to write: the mode's range less those that stay, but at least one."""
        low, high = STORY_RANGES[self.mode]
        return max(1, low - len(self.kept)), max(1, high - len(self.kept))

    @property
    def part(self) -> float:
        """Of the mode's number of stories, what is to be written beside those that stay."""
        return sum(self.story_range) / sum(STORY_RANGES[self.mode])


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptContext:
    """The messages of the first call; `personas` are those the cards voice, comparable."""

    system: tuple[TextBlock, ...] = ()
    user: str = ""
    personas: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryDefect(Defect):
    """What is wrong with a story of an answer; `story` is its position, 0 for the whole set."""

    story: int


# Frozen, these would take three times as long to make.
@dataclass(kw_only=True, slots=True)
class StoryDraft:
    """A story ready to be stored; `position` counts from 1; nobody changes one.

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

    def scored(self, score: int, defects: tuple[StoryDefect, ...]) -> "StoryDraft":
        """The same with what a check made of it; `dataclasses.replace` takes four times as long."""
        return StoryDraft(
            position=self.position,
            code=self.code,
            title=self.title,
            user_story=self.user_story,
            persona=self.persona,
            acceptance_criteria=self.acceptance_criteria,
            technical_notes=self.technical_notes,
            priority=self.priority,
            effort=self.effort,
            quality_score=score,
            defects=defects,
        )
