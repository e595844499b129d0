"""The values that go into, through and out of the breaking down of one story."""

from dataclasses import dataclass

from content.project_input import ProjectInput
from content.prompts import PromptFolder
from providers.values import TextBlock

#: How many subtasks a story gets: at least, at most.
FEWEST, MOST = 3, 8
#: Of one subtask, in hours.
LEAST_HOURS, MOST_HOURS = 0.5, 40.0
KINDS: tuple[str, ...] = ("design", "backend", "frontend", "data", "test", "docs", "ops")


@dataclass(frozen=True, kw_only=True, slots=True)
class EpicInput:
    """What the story is a part of."""

    code: str
    title: str
    theme: str
    description: str
    business_value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryInput:
    """The story that is broken down; its acceptance criteria are numbered from 1."""

    code: str
    title: str
    user_story: str
    persona: str
    acceptance_criteria: tuple[str, ...]
    technical_notes: str | None
    effort: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptSubtask:
    """A subtask of the story that a person edited or approved and that stays as it is."""

    title: str
    kind: str
    criteria: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakdownInput:
    """All that the pipeline needs to break one story down."""

    item_id: str
    project: ProjectInput
    epic: EpicInput
    story: StoryInput
    model: str
    max_tokens: int
    prompts: PromptFolder
    language: str
    instructions: str = ""
    skip_quality_check: bool = False
    #: The run asks for approved stories, and this one is not approved any more.
    withdrawn: bool = False
    kept: tuple[KeptSubtask, ...] = ()

    @property
    def subtask_range(self) -> tuple[int, int]:
        """How many subtasks to write: the usual number less those that stay, but at least one."""
        return max(1, FEWEST - len(self.kept)), max(1, MOST - len(self.kept))

    @property
    def part(self) -> float:
        """Of the usual number of subtasks, what is to be written beside those that stay."""
        return sum(self.subtask_range) / (FEWEST + MOST)

    @property
    def open_criteria(self) -> tuple[int, ...]:
        """Numbers of the acceptance criteria that no kept subtask covers."""
        covered = {number for subtask in self.kept for number in subtask.criteria}
        numbers = range(1, len(self.story.acceptance_criteria) + 1)
        return tuple(number for number in numbers if number not in covered)


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptContext:
    """The messages of the first call."""

    system: tuple[TextBlock, ...] = ()
    user: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SubtaskDefect:
    """What is wrong with a subtask of an answer; `subtask` is its place from 1, 0 for them all."""

    subtask: int
    message: str
    suggestion: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SubtaskDraft:
    """A subtask ready to be stored; `position` counts from 1."""

    position: int
    title: str
    description: str
    kind: str
    effort_hours: float
    criteria: tuple[int, ...]
