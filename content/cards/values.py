"""The values that go into, through and out of the analysis of one upload."""

from dataclasses import dataclass

from content.project_input import ProjectInput
from content.prompts import PromptFolder
from content.sentences import ENGLISH, Frame
from providers.values import TextBlock


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptCard:
    """A card of the upload that stays as it is."""

    title: str
    persona: str
    statement: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AnalysisInput:
    """All that the pipeline needs to find one upload's cards, but its text: a job reads that."""

    item_id: str
    upload_id: str
    name: str
    project: ProjectInput
    model: str
    max_tokens: int
    prompts: PromptFolder
    language: str
    #: How sentences of that language are put together; None where they come whole.
    frame: Frame | None = ENGLISH
    instructions: str = ""
    skip_quality_check: bool = False
    kept: tuple[KeptCard, ...] = ()
    #: How many cards the project takes beside those that it has.
    room: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of an upload, short enough for one call; `number` counts from 1."""

    number: int
    parts: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptContext:
    """The system blocks of all calls; the parts whose text goes into one each."""

    system: tuple[TextBlock, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CardDefect:
    """What is wrong with a card of an answer; `card` is its place from 1, 0 for them all."""

    card: int
    message: str
    suggestion: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CardDraft:
    """A card ready to be stored; `quote` is "" where none of the upload's words carries it."""

    title: str
    persona: str
    statement: str
    problem: str | None
    systems: tuple[str, ...]
    themes: tuple[str, ...]
    quote: str
