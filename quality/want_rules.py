"""Rules about the want: estimatable, problem-oriented, unambiguous; atomic has its own module."""

from collections.abc import Iterator, Sequence

from quality.clauses import without_asides
from quality.defects import Defect, Span, story_span
from quality.reading import Reading
from quality.terms import (
    COARSE_VERBS,
    NAMED,
    OWN,
    SOLUTION,
    VAGUE,
    WHOLE,
    WHOLE_PRODUCTS,
    WHOLE_VERBS,
    Terms,
)
from quality.text import word_set

#: A want with more words than this says enough to be planned.
_COARSE_MOST_WORDS = 9
#: Whoever says which, says what of it.
_PRECISE = word_set("how what when where which who whom whose why")
_INDEFINITE = word_set("a an another new our some")
_ALL = {("all", "there"), ("all", "i"), ("all", "that")}
_MAKING = word_set("build create get have")
_ENDS_NOUN = word_set("for that which with")
_CONTINUES_NOUN = word_set("about as at by from in into of on over to via where")


def estimatable(reading: Reading) -> Defect | None:
    """Whether the want is small enough to be planned."""
    coarse = _coarse(reading.want_words)
    if not coarse:
        return None
    return Defect(
        criterion="estimatable",
        kind="coarse",
        severity="medium",
        confidence="medium",
        message=f'"{coarse}" is too coarse to estimate.',
        suggestion="Say which single step the role does, or split the story by steps.",
        span=_where(reading, coarse),
    )


def problem_oriented(reading: Reading, given: Sequence[str]) -> Defect | None:
    """Whether the want leaves open how it is built.

    Args:
        given: texts from which the story was written; what they name is no solution of its own.
    """
    span = _solution(reading, given)
    if span is None:
        return None
    return Defect(
        criterion="problem_oriented",
        kind="solution",
        severity="minor",
        confidence="medium",
        message=f'"{span.text}" tells how it is built.',
        suggestion="Say what the role achieves; technology belongs into the technical notes.",
        span=span,
    )


def unambiguous(reading: Reading) -> Defect | None:
    """Whether a test can settle each word of the want."""
    span = next(_found(reading, VAGUE), None)
    if span is None:
        return None
    return Defect(
        criterion="unambiguous",
        kind="vague",
        severity="medium",
        message=f'"{span.text}" means something else to everybody.',
        suggestion="Say how many, how long or which; or move it to a criterion with a figure.",
        span=span,
    )


def _found(reading: Reading, terms: Terms) -> Iterator[Span]:
    if terms.words.isdisjoint(reading.want_words):
        return
    want = reading.parts.want
    for found in terms.pattern.finditer(without_asides(reading.low), want.start, want.end):
        yield story_span(reading.text, *found.span())


def _solution(reading: Reading, given: Sequence[str]) -> Span | None:
    for span in _found(reading, SOLUTION):
        if not _is_given(span, given):
            return span
    for span in _found(reading, NAMED):
        if not _is_given(span, given) and not OWN.search(reading.low[: span.start][-30:]):
            return span
    return None


def _is_given(span: Span, given: Sequence[str]) -> bool:
    return any(span.text.casefold() in text.casefold() for text in given)


def _where(reading: Reading, word: str) -> Span:
    want = reading.parts.want
    start = reading.low.find(word, want.start, want.end)
    return story_span(reading.text, start, start + len(word))


def _coarse(words: Sequence[str]) -> str:
    """The word that makes a want coarse; empty where it can be planned."""
    lead = 0
    while lead < len(words) - 1 and words[lead].endswith("ly"):
        lead += 1
    words = words[lead:]
    if not words or len(words) > _COARSE_MOST_WORDS or not _PRECISE.isdisjoint(words):
        return ""
    verb = words[0]
    if verb in COARSE_VERBS:
        return verb
    if tuple(words[:2]) in _ALL:
        return verb
    if verb in WHOLE_VERBS and WHOLE.match(" ".join(words[1:])):
        return verb
    if verb in {"everything", "the"} and WHOLE.match(" ".join(words)):
        return words[min(len(words), 2) - 1] if verb == "the" else verb
    return _whole_product(words)


def _whole_product(words: Sequence[str]) -> str:
    """A product that is the object itself: "a marketplace for", "have a billing system"."""
    start = 1 if words[0] in _MAKING and len(words) > 1 else 0
    plain = words[start] not in _INDEFINITE
    if (
        plain
        and (start == 0 or words[start] in {"my", "the"})
        and words[start] not in WHOLE_PRODUCTS
    ):
        return ""
    for word, after in zip(words[start:], [*words[start + 1 :], ""], strict=True):
        if word in _CONTINUES_NOUN:
            return ""
        if word in WHOLE_PRODUCTS and (not after or after in _ENDS_NOUN):
            return word
    return ""
