"""Rules about the sentence: well-formed, full sentence, and the role that is the persona."""

import re
from itertools import islice
from operator import eq

from quality import lexicon
from quality.clauses import DETERMINERS
from quality.defects import Confidence, Defect, Span, story_span
from quality.parsed_story import Part
from quality.reading import Reading
from quality.sense_rules import placeholder
from quality.text import comparable, has_words, word_set

_TEMPLATE = "Write it as one sentence: As a ROLE, I want WANT, so that BENEFIT."
#: A word that points at what nobody named is no want.
_POINTERS = word_set("it that them this")
_FINITE = word_set(
    "am are can cannot could did do does had has have is may might must need needs shall should "
    "want wants was were will would"
)
_DOUBLED = re.compile(r"\b(?!(?:bye|had|ha|no|that|very|\d+)\b)(\w+)\s+\1\b")
_BROKEN_OFF = word_set("a an and because my or the")
_NO_VERB = word_set("a an her his my our the their")


def role_and_want(reading: Reading) -> Defect | None:
    """Whether somebody wants something; in any language that is read."""
    parts = reading.parts
    want = parts.want.text
    lacks_want = not want or (want.casefold() in _POINTERS and parts.order == "role first")
    if lacks_want and parts.opening and placeholder(reading):
        lacks_want = False
    if parts.role.text and not lacks_want:
        return None
    missing = ["role"] * (not parts.role.text) + ["want"] * lacks_want
    text = reading.text
    return Defect(
        criterion="well_formed",
        kind="no_role_or_want",
        severity="high",
        confidence=_of_missing(reading, missing),
        message=f"It has no {' and no '.join(missing)}.",
        suggestion=_TEMPLATE,
        span=story_span(text, 0, len(text)) if text.strip(" ,") else None,
    )


def benefit(reading: Reading) -> Defect | None:
    """Whether it says what for; in any language that is read."""
    parts = reading.parts
    if has_words(parts.benefit.text) or (parts.benefit_intro and placeholder(reading)):
        return None
    return Defect(
        criterion="well_formed",
        kind="no_benefit",
        severity="medium",
        message="It does not say what the role gains.",
        suggestion="End it with: so that BENEFIT.",
    )


def role_of_persona(reading: Reading, persona: str) -> Defect | None:
    """Whether the role is the persona, where there is one."""
    role = reading.parts.role
    if not persona or not role.text or persona.casefold() in role.text.casefold():
        return None
    if comparable(persona) in comparable(role.text):
        return None
    return Defect(
        criterion="uniform",
        kind="role_differs",
        severity="minor",
        message="Its role is not its persona.",
        suggestion="Name the persona as the story's role.",
        span=part_span(role),
    )


def _of_missing(reading: Reading, missing: list[str]) -> Confidence:
    """Less where another language is read, or where "I do" may be meant as a want."""
    parts = reading.parts
    told = missing == ["want"] and ("i" in reading.words or "we" in reading.words)
    return "medium" if parts.language not in {"", "en"} or (told and not parts.opening) else "high"


def full_sentence(reading: Reading) -> Defect | None:
    """Whether it is a whole sentence, faulty or not."""
    span = _fragment(reading)
    if span is None:
        return None
    return Defect(
        criterion="full_sentence",
        kind="fragment",
        severity="medium",
        confidence="medium",
        message=f'It is no full sentence at "{span.text}".',
        suggestion="Say in a whole sentence what the role wants to do, and with what.",
        span=span,
    )


def _fragment(reading: Reading) -> Span | None:
    """The place at which a text is no sentence."""
    text, parts = reading.text, reading.parts
    want = parts.want
    span = _doubled(reading) or _broken_off(reading)
    if span or (want.text and not parts.role.text):
        return span
    if not want.text:
        return None if _stands_alone(reading) else story_span(text, 0, len(text))
    without_subject = not parts.has_subject and _FINITE.isdisjoint(reading.want_words)
    without_verb = parts.is_infinitive and not _NO_VERB.isdisjoint(reading.want_words[:1])
    if not without_subject and not without_verb:
        return None
    first = want.text.split(maxsplit=1)[0]
    if without_subject or first.casefold() in _NO_VERB:
        return story_span(text, want.start, want.start + len(first))
    return None


def _doubled(reading: Reading) -> Span | None:
    words = reading.words
    if not any(map(eq, words, islice(words, 1, None))):
        return None
    doubled = _DOUBLED.search(reading.low)
    return story_span(reading.text, *doubled.span()) if doubled else None


def _broken_off(reading: Reading) -> Span | None:
    words = reading.words
    if not words or words[-1] not in _BROKEN_OFF:
        return None
    last = reading.low.rfind(words[-1])
    return story_span(reading.text, last, last + len(words[-1]))


def _stands_alone(reading: Reading) -> bool:
    """Whether a text without a want is a sentence of another kind."""
    parts, words = reading.parts, reading.words
    if not words or parts.opening:
        return True
    if parts.role.text or parts.benefit_intro:
        return bool(parts.role.text) and (bool(parts.benefit.text) or "i" in words)
    if words[0] == "as" or not _FINITE.isdisjoint(words):
        return True
    first = words[0]
    after = words[1] if len(words) > 1 else ""
    return lexicon.is_verb(first) and (lexicon.is_hardly_else(first) or after in DETERMINERS)


def part_span(part: Part) -> Span:
    """The span of a part."""
    return Span(field="userStory", start=part.start, end=part.end, text=part.text)
