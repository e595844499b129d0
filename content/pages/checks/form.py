"""What is wrong with a page's form: lengths, components, headings, markup, its language; pure."""

from collections.abc import Iterator

from content.pages.checks.findings import of_component, of_page
from content.pages.checks.language import other_language
from content.pages.sizing import words_of
from content.pages.values import (
    META_DESCRIPTION_CHARS,
    META_TITLE_CHARS,
    ComponentDraft,
    GenerationInput,
    PageDefect,
    PageDraft,
)
from quality.text import has_words, words_in

#: The criterion of the meta texts.
META = "meta"
#: Components that may do without a heading.
_BARE = frozenset({"hero", "call-to-action"})
#: A component has fewer words than this part of what was asked for, or more than so many times.
_TOO_FEW, _TOO_MANY = 0.5, 2


def form_defects(inp: GenerationInput, draft: PageDraft) -> Iterator[PageDefect]:
    """Of the page as a whole first, then of each component."""
    yield from _meta("metaTitle", draft.meta_title, META_TITLE_CHARS)
    yield from _meta("metaDescription", draft.meta_description, META_DESCRIPTION_CHARS)
    for name in draft.extra:
        yield of_page(
            criterion="components",
            kind="extra",
            severity="medium",
            message=f'Nobody asked for a component "{name[:100]}".',
            suggestion="Leave it out.",
        )
    instead = other_language(draft.text, inp.language_tag)
    if instead:
        yield of_page(
            criterion="language",
            kind="other_language",
            severity="high",
            message=f"The text is in {instead}.",
            suggestion=f"Write all of it in {inp.language}.",
        )
    for place, (name, component) in enumerate(
        zip(inp.page.components, draft.components, strict=True), start=1
    ):
        yield from _component(place, name, component)


def _meta(field: str, text: str, most: int) -> Iterator[PageDefect]:
    if not has_words(text):
        yield of_page(
            criterion=META,
            kind="empty",
            severity="high",
            message=f"There is no {field}.",
            suggestion=f"Write one of at most {most} characters.",
        )
    elif len(text) > most:
        yield of_page(
            criterion=META,
            kind="too_long",
            severity="high",
            message=f"{field} has {len(text)} characters.",
            suggestion=f"At most {most} are shown; say it shorter.",
            field=field,
            text=text,
        )


def _component(place: int, name: str, component: ComponentDraft | None) -> Iterator[PageDefect]:
    if component is None:
        yield of_component(
            place,
            criterion="components",
            kind="missing",
            severity="high",
            message=f'The component "{name}" is missing.',
            suggestion="Write it.",
        )
        return
    words = len(words_in(component.markup.text.casefold()))
    if not words:
        yield of_component(
            place,
            criterion="components",
            kind="empty",
            severity="high",
            message=f'The component "{name}" has no text.',
            suggestion="Write it.",
        )
        return
    yield from _length(place, name, words)
    yield from _headings(place, name, component)
    if component.markup.stripped:
        yield of_component(
            place,
            criterion="markup",
            kind="unsafe",
            severity="medium",
            message=f'The component "{name}" had HTML, an image or an odd link; it is gone.',
            suggestion="Use Markdown alone, and links to http and https.",
        )


def _length(place: int, name: str, words: int) -> Iterator[PageDefect]:
    low, high = words_of(name)
    if low * _TOO_FEW <= words <= high * _TOO_MANY:
        return
    yield of_component(
        place,
        criterion="length",
        kind="too_short" if words < low else "too_long",
        severity="minor" if words < low else "medium",
        message=f'The component "{name}" has {words:,} words.',
        suggestion=f"Write about {low} to {high}.",
    )


def _headings(place: int, name: str, component: ComponentDraft) -> Iterator[PageDefect]:
    if not has_words(component.heading) and name not in _BARE:
        yield of_component(
            place,
            criterion="headings",
            kind="missing",
            severity="medium",
            message=f'The component "{name}" has no heading.',
            suggestion="Give it a short one.",
        )
    if component.markup.relevelled:
        yield of_component(
            place,
            criterion="headings",
            kind="order",
            severity="minor",
            message=f'Headings in "{name}" began too high or left a level out; they were moved.',
            suggestion="Begin with ### and go down one level at a time.",
        )
