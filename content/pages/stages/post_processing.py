"""Stage 6, post-processing: leave out what is empty, and say what is not there."""

from dataclasses import replace

from content.errors import UnusableAnswer
from content.pages.values import ComponentDraft, GenerationInput, PageDraft
from quality.text import has_words


def post_process(inp: GenerationInput, draft: PageDraft) -> tuple[PageDraft, tuple[str, ...]]:
    """The page with components that say something, and notes on those that are left out.

    Raises:
        UnusableAnswer: none says anything.
    """
    components = tuple([each if _says(each) else None for each in draft.components])
    if not any(components):
        raise UnusableAnswer(
            "The model's answer has no text for any component of the page. Run it again; if it "
            "keeps failing, choose another model."
        )
    notes = []
    for name, component in zip(inp.page.components, components, strict=True):
        if component is None:
            notes.append(f"without the component {name}, which the answer lacks")
        elif component.cut:
            notes.append(f"the component {name} was too long and is cut")
    if draft.extra:
        notes.append(f"left out: {', '.join(draft.extra)[:200]}, which nobody asked for")
    return replace(draft, components=components), tuple(notes)


def _says(component: ComponentDraft | None) -> bool:
    return component is not None and has_words(component.markup.text)
