"""The calls that one page's content may take, and how an answer to them is read."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from content.asking import Wording, finished
from content.pages.answer import PAGE_SCHEMA, PART_SCHEMA, Component, PageText, parse_page
from content.pages.prompts.conversation import asked, part_text, repair_text, request_text
from content.pages.values import GenerationInput, PageDefect, PromptContext
from content.pipeline import Request
from providers.values import Completion, CompletionRequest

#: How errors name what is made here.
WORDING = Wording(target="page", content="content")


def page_request(inp: GenerationInput, context: PromptContext) -> Request:
    """The call that asks for the whole page."""
    user = asked(inp, request_text(inp, range(len(inp.page.components)), meta=True))
    return _request(inp, context, key="generate", user=user, meta=True)


def part_request(
    inp: GenerationInput, context: PromptContext, place: int, written: Iterable[Component]
) -> Request:
    """The call that asks for one component, from 0; with the first one for the meta texts."""
    user = asked(inp, part_text(inp, place, written))
    return _request(inp, context, key=f"component-{place + 1}", user=user, meta=place == 0)


def form_repair(
    inp: GenerationInput,
    first: Request,
    *,
    max_tokens: int,
    previous: str,
    defects: Iterable[PageDefect],
) -> Request:
    """A call once more, with the answer that could not be read and the reasons."""
    user = repair_text(inp, first.completion.user, previous=previous, defects=defects)
    completion = replace(first.completion, max_tokens=max_tokens, user=user, purpose="repair")
    key = "repair" if first.key == "generate" else f"{first.key}-repair"
    return Request(key=key, completion=completion, alike="pages repair")


def quality_repair(
    inp: GenerationInput,
    context: PromptContext,
    places: Sequence[int],
    *,
    max_tokens: int,
    previous: object,
    defects: Iterable[PageDefect],
) -> Request:
    """The call that has the meta texts and some components written again."""
    request = asked(inp, request_text(inp, places, meta=True))
    user = repair_text(inp, request, previous=previous, defects=defects)
    made = _request(inp, context, key="repair-quality", user=user, meta=True)
    completion = replace(made.completion, max_tokens=max_tokens, purpose="repair")
    return Request(key=made.key, completion=completion, alike="pages repair")


def read_answer(completion: Completion) -> PageText:
    """The page of an answer.

    Raises:
        Refused, OutputCut: the answer is not finished.
        NotAPage: it is finished and cannot be read.
    """
    return parse_page(finished(completion, WORDING).text)


def _request(
    inp: GenerationInput, context: PromptContext, *, key: str, user: str, meta: bool
) -> Request:
    completion = CompletionRequest(
        model=inp.model,
        max_tokens=inp.max_tokens,
        system=context.system,
        user=user,
        schema=PAGE_SCHEMA if meta else PART_SCHEMA,
        marker=inp.item_id,
        purpose="generate",
    )
    whole = key in ("generate", "repair-quality")
    return Request(key=key, completion=completion, alike=f"pages {'page' if whole else 'part'}")
