"""The values that go into, through and out of the generation of one page's content."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from content.pages.markup import Markup
from content.prompts import PromptFolder
from providers.values import TextBlock
from quality.defects import Defect
from quality.linter import DEFAULT_BAR

#: What search results show of a page.
META_TITLE_CHARS = 60
META_DESCRIPTION_CHARS = 155


@dataclass(frozen=True, kw_only=True, slots=True)
class BrandVoice:
    """How texts sound; `sample` shows it and says nothing of the page."""

    tone: str = ""
    do: tuple[str, ...] = ()
    dont: tuple[str, ...] = ()
    banned_words: tuple[str, ...] = ()
    sample: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectInput:
    """What every page of the project shares; the same for all calls of a run."""

    name: str
    description: str
    context: str
    voice: BrandVoice


@dataclass(frozen=True, kw_only=True, slots=True)
class PageInput:
    """The page whose content is wanted.

    Attributes:
        components: names of those that it is made of, in order; each may stand there twice.
        facts: {name: value}; a value is JSON.
        voice: what differs from the project's.
    """

    code: str
    page_type: str
    url: str
    title: str
    keywords: tuple[str, ...]
    components: tuple[str, ...]
    facts: Mapping[str, Any]
    voice: BrandVoice = BrandVoice()


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbour:
    """Another page of the project and the type, and the signature of its text."""

    code: str
    signature: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationInput:
    """All that the pipeline needs to write one page's content.

    Attributes:
        language: of the content, by its English name; `language_tag` by two or three letters.
        instructions: what the person who started the run asks for beside.
        kept: it was edited or approved, and the run leaves it as it is.
        quality_bar: below this score, of 100, it is written again once.
        prompt_revision: `Page.prompt_revision` as it was read.
    """

    item_id: str
    project: ProjectInput
    page: PageInput
    language: str
    language_tag: str
    model: str
    max_tokens: int
    prompts: PromptFolder
    neighbours: tuple[Neighbour, ...] = ()
    instructions: str = ""
    skip_quality_check: bool = False
    kept: bool = False
    quality_bar: int = DEFAULT_BAR
    prompt_revision: int | None = None

    @property
    def banned_words(self) -> tuple[str, ...]:
        """The project's and the page's own, each once."""
        both = (*self.project.voice.banned_words, *self.page.voice.banned_words)
        return tuple(dict.fromkeys(both))


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptContext:
    """The system blocks of every call, and places of components, from 0, that one call each asks
    for."""

    system: tuple[TextBlock, ...] = ()
    parts: tuple[tuple[int, ...], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PageDefect(Defect):
    """What is wrong with a page; `component` is its place from 1, 0 for the page as a whole."""

    component: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ComponentDraft:
    """A component ready to be stored; `name` as the page has it, `cut` where it was too long."""

    name: str
    heading: str
    markup: Markup
    cut: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A stretch of text, and the field where it stands: "components[2].markdown", with all that
    the field has."""

    field: str
    text: str
    source: str
    component: int = 0


def _passages_of(component: ComponentDraft, place: int) -> Iterator[Passage]:
    at, heading = f"components[{place - 1}]", component.heading
    yield Passage(field=f"{at}.heading", text=heading, source=heading, component=place)
    for block in component.markup.blocks:
        yield Passage(
            field=f"{at}.markdown",
            text=block.text,
            source=component.markup.markdown,
            component=place,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PageDraft:
    """A page's content, ready to be stored.

    Attributes:
        components: in the page's order; None for one that the answer lacks.
        keyword_coverage: 0 to 1; None where the page has no keywords, or nobody looked.
        quality_score: 0 to 100; None when the quality check was skipped.
        extra: components of the answer that nobody asked for, by name.
    """

    meta_title: str
    meta_description: str
    components: tuple[ComponentDraft | None, ...]
    extra: tuple[str, ...] = ()
    keyword_coverage: float | None = None
    quality_score: int | None = None
    defects: tuple[PageDefect, ...] = ()

    @property
    def passages(self) -> Iterator[Passage]:
        """All that can be read, in order."""
        meta = {"metaTitle": self.meta_title, "metaDescription": self.meta_description}
        for field, text in meta.items():
            yield Passage(field=field, text=text, source=text)
        for place, component in enumerate(self.components, start=1):
            if component is not None:
                yield from _passages_of(component, place)

    @property
    def text(self) -> str:
        """What is on the page itself, without what only search results show."""
        return "\n".join([each.text for each in self.passages if each.component])
