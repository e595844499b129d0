"""The calls that one story's subtasks may take, and how an answer to them is read."""

from dataclasses import replace

from content.asking import Wording, finished
from content.pipeline import Request
from content.subtasks.answer import SUBTASK_SET_SCHEMA, SubtaskSet, parse_subtask_set
from content.subtasks.prompts.conversation import kept_block, repair_text
from content.subtasks.values import BreakdownInput, PromptContext, SubtaskDefect
from providers.values import Completion, CompletionRequest, text_bytes

#: Provider calls for one story, repairs of form, of coverage and of length included.
MAX_CALLS = 3
#: How errors name what is made here.
WORDING = Wording(target="story", content="subtasks")


def first_request(inp: BreakdownInput, context: PromptContext) -> Request:
    """The call that asks for the subtasks."""
    completion = CompletionRequest(
        model=inp.model,
        max_tokens=inp.max_tokens,
        system=context.system,
        user=context.user,
        schema=SUBTASK_SET_SCHEMA,
        marker=inp.item_id,
        purpose="generate",
    )
    return Request(
        key="generate",
        completion=completion,
        alike="subtasks generate",
        part=inp.part,
        stays_bytes=text_bytes(kept_block(inp.kept)),
    )


def repair_request(
    inp: BreakdownInput,
    context: PromptContext,
    *,
    key: str,
    max_tokens: int,
    previous: object,
    defects: tuple[SubtaskDefect, ...],
) -> Request:
    """The first call once more, with the earlier answer and what is wrong in it.

    Args:
        key: an answer may be repaired for its form and, once it can be read, for what it covers.
    """
    completion = replace(
        first_request(inp, context).completion,
        max_tokens=max_tokens,
        user=repair_text(inp.prompts, context.user, previous=previous, defects=defects),
        purpose="repair",
    )
    return Request(key=key, completion=completion, alike="subtasks repair")


def read_answer(completion: Completion) -> SubtaskSet:
    """The subtasks of an answer.

    Raises:
        Refused, OutputCut: the answer is not finished.
        NotASubtaskSet: it is finished and cannot be read.
    """
    return parse_subtask_set(finished(completion, WORDING).text)
