"""The calls that one epic's stories may take, and how an answer to them is read."""

from dataclasses import replace

from content.asking import Wording, finished
from content.pipeline import Request
from content.stories.answer import StorySet, parse_story_set, schema_for
from content.stories.prompts.conversation import kept_block, repair_text
from content.stories.values import GenerationInput, PromptContext, StoryDefect
from providers.values import Completion, CompletionRequest, text_bytes

#: Provider calls for one epic, repairs of form, of quality and of length included.
MAX_CALLS = 3
#: How errors name what is made here.
WORDING = Wording(target="epic", content="stories")


def first_request(inp: GenerationInput, context: PromptContext) -> Request:
    """The call that asks for the stories."""
    completion = CompletionRequest(
        model=inp.model,
        max_tokens=inp.max_tokens,
        system=context.system,
        user=context.user,
        schema=schema_for(inp.frame),
        marker=inp.run_epic_id,
        purpose="generate",
    )
    return Request(
        key="generate",
        completion=completion,
        alike=f"{inp.mode} generate",
        part=inp.part,
        stays_bytes=text_bytes(kept_block(inp.kept)),
    )


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
        user=repair_text(inp.prompts, context.user, previous=previous, defects=defects),
        purpose="repair",
    )
    return Request(key=key, completion=completion, alike=f"{inp.mode} repair")


def read_answer(inp: GenerationInput, completion: Completion) -> StorySet:
    """The story set of an answer.

    Raises:
        Refused, OutputCut: the answer is not finished.
        NotAStorySet: it is finished and cannot be read.
    """
    return parse_story_set(finished(completion, WORDING).text, inp.frame)
