"""Asking the provider until there is a readable answer: what the kinds do alike.

One call; one more with a larger cap where its answer was cut; one more with what is wrong named
where it cannot be read.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from content.errors import OutputCut, Refused, UnusableAnswer
from content.pipeline import Calls, Request
from providers.values import Completion, StopReason

#: Calls that `ask` makes at most.
MOST_CALLS = 3
#: An answer that needs more than this is of another size than was asked for.
ENLARGED_MAX_TOKENS = 32_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """How errors name what is made: "stories" for an "epic", by its "text"."""

    target: str
    content: str


class NotReadable(Exception):
    """An answer is not of the agreed form; its text says why, for the repair call and people."""


T = TypeVar("T")
Miss = TypeVar("Miss", bound=NotReadable)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked(Generic[T]):
    """A readable answer, the calls that it took, and the cap under which it was given."""

    answer: T
    calls: int
    max_tokens: int


def ask(
    first: Request,
    *,
    wording: Wording,
    read: Callable[[str], T],
    miss: type[Miss],
    repair: Callable[[int, str, Miss], Request],
) -> Calls[Asked[T]]:
    """The answer to a request, as `read` reads it.

    Args:
        read: raises `miss` where a text is not of the agreed form.
        repair: the request to make then, with a cap, the text, and what was raised.

    Raises:
        Refused, OutputCut, UnusableAnswer: see `content.errors`.
    """
    request, calls = first, 1
    completion = yield request
    if is_cut(completion, wording):
        request, calls = enlarged(first, wording), 2
        completion = finished((yield request), wording)
    max_tokens = request.completion.max_tokens
    try:
        answer = read(completion.text)
    except miss as missed:
        repaired = finished((yield repair(max_tokens, completion.text, missed)), wording)
        answer = _read_again(repaired, wording, read, miss)
        calls += 1
    return Asked(answer=answer, calls=calls, max_tokens=max_tokens)


def _read_again(
    completion: Completion, wording: Wording, read: Callable[[str], T], miss: type[Miss]
) -> T:
    try:
        return read(completion.text)
    except miss as missed:
        raise UnusableAnswer(
            f"The model's answer could not be read, nor could its repair ({missed}). Run the "
            f"{wording.target} again; if it keeps failing, shorten its text or choose another "
            "model."
        ) from missed


def enlarged(first: Request, wording: Wording) -> Request:
    """The same call with a larger cap, for an answer that was cut.

    Raises:
        OutputCut: the cap cannot grow.
    """
    larger = min(2 * first.completion.max_tokens, ENLARGED_MAX_TOKENS)
    if larger <= first.completion.max_tokens:
        raise _cut(wording)
    completion = replace(first.completion, max_tokens=larger, purpose="enlarge")
    return Request(
        key=f"{first.key}-enlarged", completion=completion, alike=f"{first.alike} enlarged"
    )


def is_cut(completion: Completion, wording: Wording) -> bool:
    """Whether an answer reached its cap.

    Raises:
        Refused: the model declined.
        OutputCut: it did not fit, and no cap would do.
    """
    if completion.stop_reason is StopReason.REFUSAL:
        raise Refused(
            f"The model declined to write {wording.content} for this {wording.target}. Read what "
            f"the {wording.target} is made of for text that could look harmful, reword it, then "
            "run it again."
        )
    if completion.stop_reason is StopReason.CONTEXT_FULL:
        raise OutputCut(
            "Prompt and answer together exceed the model's context window. Shorten the project's "
            "context, or choose a model with a larger window."
        )
    return completion.stop_reason is StopReason.MAX_TOKENS


def finished(completion: Completion, wording: Wording) -> Completion:
    """The answer, where the model came to its end.

    Raises:
        Refused, OutputCut: it did not.
    """
    if is_cut(completion, wording):
        raise _cut(wording)
    return completion


def _cut(wording: Wording) -> OutputCut:
    return OutputCut(
        f"The answer was cut before its end. Split the {wording.target}, choose the mode concise, "
        "or a pacing profile that allows more tokens."
    )
