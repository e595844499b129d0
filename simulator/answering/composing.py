"""What the model says to a request, honestly or as a fault rule has it."""

from collections.abc import Callable

from simulator.answering.message_body import THOUGHT, Answer, answer_within, refused
from simulator.protocol.message_request import MessageRequest
from simulator.state.fault_actions import Action
from simulator.writing.answers import Answers, told_in_words
from simulator.writing.brief import Fences

_SPOILED_TEXTS = ("malformed_json", "schema_miss", "weak_stories")


def compose(
    answers: Answers,
    fences: Fences,
    request: MessageRequest,
    fault: Action,
    prompt: Callable[[], str],
) -> Answer:
    """The answer to a request that was let in.

    Args:
        prompt: gives all that the request says in words.
    """
    if fault.type == "refusal":
        return refused()
    if fault.type == "text":
        return Answer(text=fault.text)
    if fault.type == "no_format":
        return Answer(text=told_in_words(fences, prompt()))
    flavour = fault.type if fault.type in _SPOILED_TEXTS else ""
    text = answers.text(fences, request.schema, request.format_key, flavour)
    if fault.type == "max_tokens":
        return Answer(text=text[: len(text) // 2], stop_reason="max_tokens")
    thought = THOUGHT if request.thinks or fault.type == "thinking" else ""
    return answer_within(text, thought=thought, max_tokens=request.max_tokens)
