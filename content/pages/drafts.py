"""Drafts: answers as a page of its components in order (stage 4), and a draft as an answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from unicodedata import normalize

from content.pages.answer import Component, PageText, is_type
from content.pages.markup import markup
from content.pages.values import ComponentDraft, GenerationInput, PageDraft
from content.tidy_text import shortened
from epics import bounds
from quality.text import lines, one_line


@dataclass(frozen=True, kw_only=True, slots=True)
class Generated:
    """Answers with the places of their components, from 0; the calls that they took, and the
    largest cap."""

    answers: tuple[tuple[tuple[int, ...], PageText], ...] = ()
    calls: int = 0
    max_tokens: int = 0

    @property
    def components(self) -> list[Component]:
        """Of all answers, in order."""
        return [each for _, answer in self.answers for each in answer.components]


def assemble(inp: GenerationInput, generated: Generated) -> PageDraft:
    """A page from the answers that its components came in; the first has the meta texts."""
    draft = PageDraft(
        meta_title="", meta_description="", components=(None,) * len(inp.page.components)
    )
    for places, answer in generated.answers:
        draft = _with_components(inp, _with_meta(draft, answer), places, answer)
    return draft


def rewritten(
    inp: GenerationInput, draft: PageDraft, places: Sequence[int], answer: PageText
) -> PageDraft:
    """The draft with what an answer has in place of these components and of the meta texts."""
    bare = replace(draft, extra=(), defects=(), keyword_coverage=None, quality_score=None)
    return _with_components(inp, _with_meta(bare, answer), places, answer)


def _with_components(
    inp: GenerationInput, draft: PageDraft, places: Sequence[int], answer: PageText
) -> PageDraft:
    """The draft with an answer's components at these places, as far as they are there."""
    components = list(draft.components)
    left = list(answer.components)
    for place in places:
        name = inp.page.components[place]
        found = next((at for at, each in enumerate(left) if is_type(each.type, name)), None)
        if found is not None:
            components[place] = _component(name, left.pop(found))
    extra = tuple([one_line(each.type) for each in left])
    return replace(draft, components=tuple(components), extra=draft.extra + extra)


def _component(name: str, given: Component) -> ComponentDraft:
    """A component of an answer, safe, and no longer than may be stored."""
    title, text = _line(given.heading).lstrip("# "), normalize("NFC", lines(given.markdown))
    heading = shortened(title, bounds.TITLE_CHARS)
    made = markup(shortened(text, bounds.TEXT_CHARS), heading=heading)
    if len(made.markdown) > bounds.TEXT_CHARS:  # what was escaped is longer now
        made = markup(shortened(made.markdown, bounds.TEXT_CHARS))
    return ComponentDraft(
        name=name,
        heading=heading,
        markup=made,
        cut=len(title) > bounds.TITLE_CHARS or len(text) > bounds.TEXT_CHARS,
    )


def as_answer(draft: PageDraft, places: Sequence[int]) -> dict[str, object]:
    """The draft's meta texts and these components as an answer, for a repair call."""
    components = [draft.components[place] for place in places]
    return {
        "metaTitle": draft.meta_title,
        "metaDescription": draft.meta_description,
        "components": [
            {"type": each.name, "heading": each.heading, "markdown": each.markup.markdown}
            for each in components
            if each is not None
        ],
    }


def _with_meta(draft: PageDraft, answer: PageText) -> PageDraft:
    """An answer that leaves one of them out leaves it as it was."""
    title, description = _line(answer.meta_title), _line(answer.meta_description)
    return replace(
        draft,
        meta_title=shortened(title or draft.meta_title, bounds.META_TITLE_CHARS),
        meta_description=shortened(
            description or draft.meta_description, bounds.META_DESCRIPTION_CHARS
        ),
    )


def _line(text: str) -> str:
    """On one line, with its letters composed."""
    return one_line(normalize("NFC", text))
