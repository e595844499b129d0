"""Stage 3, component generation: ask the provider until there is a page, whole or part by part."""

from collections.abc import Sequence
from dataclasses import replace

from content.asking import Asked, ask
from content.pages.answer import Component, NotAPage, PageText, parse_page
from content.pages.drafts import Generated
from content.pages.requests import WORDING, form_repair, page_request, part_request
from content.pages.sizing import words_of
from content.pages.values import GenerationInput, PromptContext
from content.pipeline import Calls, Request

#: Of a word with what parts it from the next.
_WORD_CHARS = 6


def generate_components(inp: GenerationInput, context: PromptContext) -> Calls[Generated]:
    """One call a part, and at most two more for each; see `content.asking`.

    Raises:
        Refused, OutputCut, UnusableAnswer: see `content.errors`.
    """
    generated = Generated()
    for places in context.parts:
        asked = yield from _ask(inp, _first(inp, context, places, generated.components))
        generated = replace(
            generated,
            answers=(*generated.answers, (places, asked.answer)),
            calls=generated.calls + asked.calls,
            max_tokens=max(generated.max_tokens, asked.max_tokens),
        )
    return generated


def foreseen_requests(inp: GenerationInput, context: PromptContext) -> tuple[Request, ...]:
    """The first call of each part, behind components that are stand-ins of about their length."""
    written = [_stand_in(name) for name in inp.page.components]
    return tuple([_first(inp, context, part, written[: part[0]]) for part in context.parts])


def _first(
    inp: GenerationInput,
    context: PromptContext,
    places: tuple[int, ...],
    written: Sequence[Component],
) -> Request:
    if len(context.parts) == 1:
        return page_request(inp, context)
    return part_request(inp, context, places[0], written)


def _stand_in(name: str) -> Component:
    fewest, most = words_of(name)
    return Component(type=name, markdown="x" * ((fewest + most) // 2 * _WORD_CHARS))


def _ask(inp: GenerationInput, first: Request) -> Calls[Asked[PageText]]:
    def repair(max_tokens: int, text: str, miss: NotAPage) -> Request:
        return form_repair(inp, first, max_tokens=max_tokens, previous=text, defects=miss.defects)

    return (yield from ask(first, wording=WORDING, read=parse_page, miss=NotAPage, repair=repair))
