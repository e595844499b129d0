"""The calls that one part may take, and how an answer to them is read."""

from dataclasses import replace

from content.asking import Wording, finished
from content.cards.answer import CardSet, parse_card_set, schema_for
from content.cards.prompts.conversation import repair_text, request_text
from content.cards.values import AnalysisInput, CardDefect, Part, PromptContext
from content.pipeline import Request
from providers.values import Completion, CompletionRequest

#: How errors name what is made here.
WORDING = Wording(target="upload", content="cards")


def first_request(inp: AnalysisInput, context: PromptContext, part: Part) -> Request:
    """The call that asks for a part's cards."""
    completion = CompletionRequest(
        model=inp.model,
        max_tokens=inp.max_tokens,
        system=context.system,
        user=request_text(inp, part),
        schema=schema_for(inp.frame),
        marker=inp.item_id,
        purpose="generate",
    )
    return Request(key=f"part-{part.number}", completion=completion, alike="cards generate")


def repair_request(
    inp: AnalysisInput,
    context: PromptContext,
    part: Part,
    *,
    reason: str,
    max_tokens: int,
    previous: object,
    defects: tuple[CardDefect, ...],
) -> Request:
    """The first call once more, with the earlier answer and what is wrong in it.

    Args:
        reason: an answer may be repaired for its "form" and, once it can be read, its "quotes".
    """
    first = first_request(inp, context, part)
    user = repair_text(inp.prompts, first.completion.user, previous=previous, defects=defects)
    completion = replace(first.completion, max_tokens=max_tokens, user=user, purpose="repair")
    return Request(key=f"{first.key}-{reason}", completion=completion, alike="cards repair")


def read_answer(inp: AnalysisInput, completion: Completion) -> CardSet:
    """The cards of an answer.

    Raises:
        Refused, OutputCut: the answer is not finished.
        NotACardSet: it is finished and cannot be read.
    """
    return parse_card_set(finished(completion, WORDING).text, inp.frame)
