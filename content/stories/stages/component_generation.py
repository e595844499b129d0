"""Stage 3, component generation: ask the provider until there is a story set, within bounds."""

from content.errors import UnusableAnswer
from content.pipeline import Calls
from content.stories.answer import Generated, NotAStorySet, StorySet, parse_story_set
from content.stories.requests import (
    enlarged_request,
    finished,
    first_request,
    is_cut,
    read_answer,
    repair_request,
)
from content.stories.values import GenerationInput, PromptContext
from providers.values import Completion


def generate_components(inp: GenerationInput, context: PromptContext) -> Calls[Generated]:
    """One call; one more with a larger cap when its answer is cut; one more with the defects
    named when that is not a story set.

    Raises:
        Refused, OutputCut, UnusableAnswer: see `content.errors`.
    """
    request, calls = first_request(inp, context), 1
    completion = yield request
    if is_cut(completion):
        request, calls = enlarged_request(inp, request), 2
        completion = finished((yield request))
    max_tokens = request.completion.max_tokens
    try:
        answer = parse_story_set(completion.text)
    except NotAStorySet as miss:
        completion = yield repair_request(
            inp,
            context,
            key="repair",
            max_tokens=max_tokens,
            previous=completion.text,
            defects=miss.defects,
        )
        answer = _repaired(completion)
        calls += 1
    return Generated(answer=answer, calls=calls, max_tokens=max_tokens)


def _repaired(completion: Completion) -> StorySet:
    try:
        return read_answer(completion)
    except NotAStorySet as miss:
        raise UnusableAnswer(
            f"The model's answer could not be read, nor could its repair ({miss}). Run the epic "
            "again; if it keeps failing, shorten its text or choose another model."
        ) from miss
