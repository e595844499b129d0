"""Atomic: a story has one want. Finds where a second act of the role is joined to the first."""

import re

from quality.clauses import span_of_words, words_of
from quality.defects import Confidence, Defect, story_span
from quality.joints import Joints
from quality.reading import Reading

#: No want without one of these joins anything.
_JOINING_SIGNS = frozenset("&+/;")
_JOINING_WORDS = frozenset({"and", "or", "then", "plus", "well", "afterwards"})
_ANOTHER_WANT = re.compile(
    r"(?:[;,]|\b(?:and|but|or|plus)\b)\s*(?:(?:i|we)(?:'d| would)?(?: also| then| additionally)?"
    r" (?:want|need|wish|like)\b)"
)
#: How a sentence begins that holds another want.
ANOTHER_SENTENCE = re.compile(
    r"(?:(?:also|and|then|furthermore|in addition|moreover),? )?(?:i|we)(?:'d| would)?"
    r"(?: also| then| additionally)? (?:want|need|wish|like)\b"
)


def atomic(reading: Reading) -> Defect | None:
    """The first place at which an English story joins a second want."""
    text, low, parts = reading.text, reading.low, reading.parts
    found = _another_want(reading)
    confidence: Confidence = "high"
    want = parts.want
    if found is None and not parts.is_negated and _may_join(reading):
        said = low[want.start : want.end]
        joint = Joints(words_of(said), parts).joint()
        if joint:
            first, last = span_of_words(said, joint.first, joint.last)
            found = want.start + first, want.start + last
            confidence = joint.confidence
    if found is None:
        return None
    span = story_span(text, *found)
    return Defect(
        criterion="atomic",
        kind="two_wants",
        severity="high",
        confidence=confidence,
        message=f'It joins two wants at "{span.text}".',
        suggestion="Keep one want, or write a story for each.",
        span=span,
    )


def _may_join(reading: Reading) -> bool:
    if not _JOINING_WORDS.isdisjoint(reading.want_words):
        return True
    want = reading.parts.want.text
    if "," in want:
        return True
    return not _JOINING_SIGNS.isdisjoint(reading.signs) and not _JOINING_SIGNS.isdisjoint(want)


def _another_want(reading: Reading) -> tuple[int, int] | None:
    """Where "I want" stands a second time, outside the benefit."""
    low, parts = reading.low, reading.parts
    begin = parts.want.start
    if not parts.opening or (low.find(" i ", begin) < 0 and low.find(" we ", begin) < 0):
        return None
    end = parts.benefit.start if parts.benefit.start > begin else len(low)
    said = low[begin:end]
    if " want" in said or " need" in said or " wish" in said or " like" in said:
        found = _ANOTHER_WANT.search(low, begin, end)
        if found:
            return found.span()
    for start in parts.sentences:
        again = ANOTHER_SENTENCE.match(low, start)
        if again and start > begin:
            return again.span()
    return None
