"""The values that go into, through and out of the generation of a project's epics."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from content.project_input import ProjectInput
from content.prompts import PromptFolder

#: Nobody reviews a backlog of more epics at once.
MOST_EPICS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class CardInput:
    """One use case, as somebody voiced it; `id` is the row's."""

    id: str
    code: str
    title: str
    persona: str
    statement: str
    problem: str | None
    systems: tuple[str, ...]
    themes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptEpic:
    """An epic that stays as it is, with the codes of its cards; `why` is for people."""

    id: str
    code: str
    title: str
    theme: str
    description: str
    why: str
    cards: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """The cards of a project, and those of its epics that stay."""

    cards: tuple[CardInput, ...] = ()
    kept: tuple[KeptEpic, ...] = ()

    @property
    def to_place(self) -> tuple[CardInput, ...]:
        """The cards that stand in no epic that stays."""
        placed = {code for epic in self.kept for code in epic.cards}
        return tuple([card for card in self.cards if card.code not in placed])


@dataclass(frozen=True, kw_only=True, slots=True)
class EpicsInput:
    """All that the steps know before they read the backlog.

    Attributes:
        options: the run's, by which the database knows what it keeps.
        epic_count: how many epics the project is to have, kept ones included; None for what
            suits its number of cards.
    """

    item_id: str
    run_id: str
    project_id: str
    project: ProjectInput
    model: str
    max_tokens: int
    language: str
    instructions: str
    prompts: PromptFolder
    options: Mapping[str, Any]
    epic_count: int | None
    skip_quality_check: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """How many epics are wanted, at least and at most."""

    least: int
    most: int

    def misses(self, count: int) -> int:
        """By how many a count is outside."""
        return max(self.least - count, count - self.most, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Epic:
    """An epic on its way: what an answer says of it, with what stands in it.

    Attributes:
        ref: names it among those that an answer may merge: "G2-3".
        dependencies: titles, as the answer has them.
        members: codes of cards, each once.
    """

    ref: str
    title: str
    theme: str
    description: str
    business_value: str
    acceptance_criteria: tuple[str, ...]
    dependencies: tuple[str, ...]
    effort: str
    impact: str
    priority: int
    members: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unassigned:
    """A card that stands in no epic, and why."""

    code: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EpicDefect:
    """What is wrong with an answer; `epic` is a position in it, 0 for the whole of it."""

    epic: int
    kind: str
    message: str
    suggestion: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EpicDraft:
    """An epic ready to be stored.

    Attributes:
        priority: counts from 1, which is also its place.
        after: the priorities of new epics, and `after_kept` the ids of kept ones, that come
            before it.
        cards: ids, in their order.
    """

    priority: int
    title: str
    theme: str
    description: str
    business_value: str
    acceptance_criteria: tuple[str, ...]
    effort: str
    impact: str
    after: tuple[int, ...]
    after_kept: tuple[str, ...]
    cards: tuple[str, ...]
