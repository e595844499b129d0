"""Stage 3, component generation: ask the provider until there is a page, whole or part by part."""

from dataclasses import replace

from content.asking import Asked, ask
from content.pages.answer import NotAPage, PageText, parse_page
from content.pages.drafts import Generated
from content.pages.requests import WORDING, form_repair, page_request, part_request
from content.pages.values import GenerationInput, PromptContext
from content.pipeline import Calls, Request


def generate_components(inp: GenerationInput, context: PromptContext) -> Calls[Generated]:
    """One call a part, and at most two more for each; see `content.asking`.

    Raises:
        Refused, OutputCut, UnusableAnswer: see `content.errors`.
    """
    generated = Generated()
    for places in context.parts:
        if len(context.parts) == 1:
            first = page_request(inp, context)
        else:
            first = part_request(inp, context, places[0], generated.components)
        asked = yield from _ask(inp, first)
        generated = replace(
            generated,
            answers=(*generated.answers, (places, asked.answer)),
            calls=generated.calls + asked.calls,
            max_tokens=max(generated.max_tokens, asked.max_tokens),
        )
    return generated


def _ask(inp: GenerationInput, first: Request) -> Calls[Asked[PageText]]:
    def repair(max_tokens: int, text: str, miss: NotAPage) -> Request:
        return form_repair(inp, first, max_tokens=max_tokens, previous=text, defects=miss.defects)

    return (yield from ask(first, wording=WORDING, read=parse_page, miss=NotAPage, repair=repair))
