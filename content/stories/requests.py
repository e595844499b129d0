"""The calls that one epic's stories may take, and how an answer to them is read."""

from dataclasses import replace

from content.errors import OutputCut, Refused
from content.pipeline import Request
from content.stories.answer import STORY_SET_SCHEMA, StorySet, parse_story_set
from content.stories.prompts.conversation import repair_text
from content.stories.values import GenerationInput, PromptContext, StoryDefect
from providers.values import Completion, CompletionRequest, StopReason

#: Provider calls for one epic, repairs of form, of quality and of length included.
MAX_CALLS = 3
#: Larger answers than this are not user stories any more.
ENLARGED_MAX_TOKENS = 32_000

_CUT = (
    "The answer was cut before its end. Split the epic, choose the mode concise, or a pacing "
    "profile that allows more tokens."
)


def first_request(inp: GenerationInput, context: PromptContext) -> Request:
    """The call that asks for the stories."""
    completion = CompletionRequest(
        model=inp.model,
        max_tokens=inp.max_tokens,
        system=context.system,
        user=context.user,
        schema=STORY_SET_SCHEMA,
        marker=inp.run_epic_id,
        purpose="generate",
    )
    return Request(key="generate", completion=completion, alike=f"{inp.mode} generate")


def enlarged_request(inp: GenerationInput, first: Request) -> Request:
    """The same call with a larger cap, for an answer that was cut.

    Raises:
        OutputCut: the cap cannot grow.
    """
    larger = min(2 * first.completion.max_tokens, ENLARGED_MAX_TOKENS)
    if larger <= first.completion.max_tokens:
        raise OutputCut(_CUT)
    completion = replace(first.completion, max_tokens=larger, purpose="enlarge")
    return Request(key="enlarge", completion=completion, alike=f"{inp.mode} enlarge")


def repair_request(
    inp: GenerationInput,
    context: PromptContext,
    *,
    key: str,
    max_tokens: int,
    previous: object,
    defects: tuple[StoryDefect, ...],
) -> Request:
    """The first call once more, with the earlier answer and what is wrong in it.

    Args:
        key: an answer may be repaired for its form and, once it can be read, for its quality.
    """
    completion = replace(
        first_request(inp, context).completion,
        max_tokens=max_tokens,
        user=repair_text(context.user, previous=previous, defects=defects),
        purpose="repair",
    )
    return Request(key=key, completion=completion, alike=f"{inp.mode} repair")


def is_cut(completion: Completion) -> bool:
    """Whether an answer reached its cap.

    Raises:
        Refused: the model declined.
        OutputCut: it did not fit, and no cap would do.
    """
    if completion.stop_reason is StopReason.REFUSAL:
        raise Refused(
            "The model declined to write stories for this epic. Read the epic and its cards for "
            "text that could look harmful, reword it, then run the epic again."
        )
    if completion.stop_reason is StopReason.CONTEXT_FULL:
        raise OutputCut(
            "Prompt and answer together exceed the model's context window. Shorten the project's "
            "context, or choose a model with a larger window."
        )
    return completion.stop_reason is StopReason.MAX_TOKENS


def finished(completion: Completion) -> Completion:
    """The answer, where the model came to its end.

    Raises:
        Refused, OutputCut: it did not.
    """
    if is_cut(completion):
        raise OutputCut(_CUT)
    return completion


def read_answer(completion: Completion) -> StorySet:
    """The story set of an answer.

    Raises:
        Refused, OutputCut: the answer is not finished.
        NotAStorySet: it is finished and cannot be read.
    """
    return parse_story_set(finished(completion).text)
