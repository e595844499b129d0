"""Stage 3, component generation: ask the provider until there is a story set, within bounds."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from content.stories.prompts.conversation import repair_text
from content.stories.stages.answer import STORY_SET_SCHEMA, NotAStorySet, StorySet, parse_story_set
from content.stories.stages.context_building import PromptContext
from content.stories.values import GenerationInput, OutputCut, Refused, StoryDefect, UnusableAnswer
from providers.values import Completion, CompletionRequest, StopReason

Complete = Callable[[CompletionRequest], Completion]

#: Provider calls for one epic, repairs of form, of quality and of length included.
MAX_CALLS = 3
#: Larger answers than this are not user stories any more.
ENLARGED_MAX_TOKENS = 32_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Generated:
    """A readable answer, the calls it took and the cap it was given under."""

    answer: StorySet
    calls: int
    max_tokens: int


def generate_components(
    inp: GenerationInput, context: PromptContext, complete: Complete
) -> Generated:
    """Call the provider once; once more with a larger cap when the answer is cut; once more
    with the defects named when it is not a story set. Each at most once: MAX_CALLS in all.

    Raises:
        Refused, OutputCut, UnusableAnswer: see `content.stories.values`.
        Whatever `complete` raises, unchanged.
    """
    request = first_request(inp, context)
    completion, request, calls = _uncut(request, complete)
    try:
        answer = parse_story_set(completion.text)
    except NotAStorySet as miss:
        again = repair_request(request, previous=completion.text, defects=miss.defects)
        answer = _repaired(complete(again))
        calls += 1
    return Generated(answer=answer, calls=calls, max_tokens=request.max_tokens)


def first_request(inp: GenerationInput, context: PromptContext) -> CompletionRequest:
    """The first call's request."""
    return CompletionRequest(
        model=inp.model,
        max_tokens=inp.max_tokens,
        system=context.system,
        user=context.user,
        schema=STORY_SET_SCHEMA,
        marker=inp.run_epic_id,
        purpose="generate",
    )


def repair_request(
    request: CompletionRequest, *, previous: object, defects: tuple[StoryDefect, ...]
) -> CompletionRequest:
    """The same request, with the earlier answer and what is wrong in it."""
    user = repair_text(request.user, previous=previous, defects=defects)
    return replace(request, user=user, purpose="repair")


def read_answer(completion: Completion) -> StorySet:
    """The story set of a finished answer.

    Raises:
        Refused, OutputCut: the answer is not finished.
        NotAStorySet: it is finished and cannot be read.
    """
    _check_not_refused(completion)
    if _is_cut(completion):
        raise OutputCut(_CUT)
    return parse_story_set(completion.text)


_CUT = (
    "The answer was cut before its end. Split the epic, choose the mode concise, or a pacing "
    "profile that allows more tokens."
)


def _uncut(
    request: CompletionRequest, complete: Complete
) -> tuple[Completion, CompletionRequest, int]:
    """A finished answer, the request that brought it, and the calls made."""
    completion = complete(request)
    _check_not_refused(completion)
    if not _is_cut(completion):
        return completion, request, 1
    larger = min(2 * request.max_tokens, ENLARGED_MAX_TOKENS)
    if larger <= request.max_tokens:
        raise OutputCut(_CUT)
    request = replace(request, max_tokens=larger, purpose="enlarge")
    completion = complete(request)
    _check_not_refused(completion)
    if _is_cut(completion):
        raise OutputCut(_CUT)
    return completion, request, 2


def _repaired(completion: Completion) -> StorySet:
    try:
        return read_answer(completion)
    except NotAStorySet as miss:
        raise UnusableAnswer(
            f"The model's answer could not be read, nor could its repair ({miss}). Run the epic "
            "again; if it keeps failing, shorten its text or choose another model."
        ) from miss


def _check_not_refused(completion: Completion) -> None:
    if completion.stop_reason is StopReason.REFUSAL:
        raise Refused(
            "The model declined to write stories for this epic. Read the epic and its cards for "
            "text that could look harmful, reword it, then run the epic again."
        )


def _is_cut(completion: Completion) -> bool:
    if completion.stop_reason is StopReason.CONTEXT_FULL:
        raise OutputCut(
            "Prompt and answer together exceed the model's context window. Shorten the project's "
            "context, or choose a model with a larger window."
        )
    return completion.stop_reason is StopReason.MAX_TOKENS
