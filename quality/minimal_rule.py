"""Minimal: a story says role, want and benefit, and nothing else."""

import re

from quality.atomic_rule import ANOTHER_SENTENCE
from quality.defects import Defect, story_span
from quality.openings import BENEFIT
from quality.parsed_story import ParsedStory
from quality.reading import Reading
from quality.sense_rules import placeholder
from quality.text import PLAIN_SIGNS, words_in

#: Not "item(s)" or "(s)he"; a bracket that nobody closes ends with the text.
_BRACKETS = re.compile(r"(?<![\w/])[(\[{]([^()\[\]{}]{1,500})(?:[)\]}](?!\w)|$)")
_ACRONYM = re.compile(r"(?=\S*[A-Z]\S*[A-Z])\S+")
_UNITS = re.compile(
    r"(?:in |per )?(?:\w{1,3}(?:/\w{1,3})?|cents?|days?|degrees|dollars?|euros?|feet|francs|"
    r"grams?|hectares|"
    r"hours?|inch(?:es)?|kilo(?:grams|metres|meters)?|litres?|liters?|metres?|meters?|miles|"
    r"minutes?|"
    r"months?|percent|pixels|pounds?|seconds?|tonnes?|tons?|weeks?|years?)(?: per \w+)?",
    re.IGNORECASE,
)
_FORMAT = re.compile(r"[dmyhs]{1,4}(?:[./: -][dmyhs]{1,4})+|\.\w{2,4}", re.IGNORECASE)
_KEY = re.compile(r"[A-Za-z]{1,10}-?\d+|[ xX]|\d+")
_LETTER = re.compile(r"[^\W\d_]")
_INITIALS = re.compile(r"\b(\w)")
_NOTE = re.compile(r"\b(?:note|nb|n\.b\.|ps|remark|hint|comment)\s*:", re.IGNORECASE)
#: A remark between dashes; not a route or a range: "Rome - Paris", "8 - 10".
_DASH = re.compile(r"(?<=[a-z)\"'])\s+(?:[\u2013\u2014]|--?)\s+(?=[\w\"'])")
_SECOND_BENEFIT = re.compile(
    r"(?:\bso that|,\s+(?:and )?(?:in order (?:to|that)|such that|because)|,\s+so (?=i\b|we\b)"
    r"|,\s+which (?:allows|enables|helps|lets))\b"
)
_CONNECTIVES = frozenset({"so", "order", "such", "because", "which"})
#: A part may begin so far behind the sentence that it is: "So that I".
_INTRO_CHARS = 30


def minimal(reading: Reading) -> Defect | None:
    """The first thing that an English story says beyond its parts."""
    found = None
    if reading.signs not in PLAIN_SIGNS:
        found = _signed(reading)
    if found is None and reading.parts.sentences:
        found = _sentence(reading)
    if found is None and reading.parts.benefit.text:
        found = _benefit(reading)
    if found is None:
        return None
    return Defect(
        criterion="minimal",
        kind="extra_text",
        severity="medium",
        message="It says more than role, want and benefit.",
        suggestion="Keep one sentence; move brackets, notes and more sentences to the criteria.",
        span=story_span(reading.text, *found),
    )


def _signed(reading: Reading) -> tuple[int, int] | None:
    """What brackets, a colon or a dash set apart."""
    text = reading.text
    found = None
    if "(" in text or "[" in text or "{" in text:
        found = _bracket(reading)
    if found is None and ":" in text:
        found = _note(reading)
    if found is None and (" -" in text or not text.isascii()):
        found = _dash(reading)
    return found


def _bracket(reading: Reading) -> tuple[int, int] | None:
    text = reading.text
    missing = placeholder(reading)
    for found in _BRACKETS.finditer(text):
        inside = missing and missing.start < found.end() and missing.end > found.start()
        if not inside and not _is_harmless(found[1].strip(), text[: found.start()], reading.parts):
            return found.span()
    return None


def _is_harmless(inside: str, before: str, parts: ParsedStory) -> bool:
    """Whether a bracket holds an acronym or what it stands for, a unit, a format, a symbol."""
    if not _LETTER.search(inside) or len(inside) <= 3 or _ACRONYM.fullmatch(inside):
        return True
    if _UNITS.fullmatch(inside) or _FORMAT.fullmatch(inside):
        return True
    if len(before) < parts.role.start and _KEY.fullmatch(inside):
        return True
    last = before.split()[-1:]
    initials = "".join(_INITIALS.findall(inside)).casefold()
    return bool(last and len(last[0]) > 1 and last[0].casefold().rstrip("s,") == initials)


def _note(reading: Reading) -> tuple[int, int] | None:
    found = _NOTE.search(reading.text)
    return (found.start(), len(reading.text)) if found else None


def _dash(reading: Reading) -> tuple[int, int] | None:
    text, parts = reading.text, reading.parts
    for found in _DASH.finditer(text, parts.want.start):
        opens = BENEFIT.match(reading.low, found.end() - 1)
        if not opens and not parts.want.start <= found.end() <= parts.want.start + 1:
            return found.end(), len(text)
    return None


def _sentence(reading: Reading) -> tuple[int, int] | None:
    parts = reading.parts
    for start in parts.sentences:
        opens = any(
            part.text and start <= part.start <= start + _INTRO_CHARS
            for part in (parts.role, parts.want, parts.benefit)
        )
        if start <= parts.role.start and opens:
            return 0, start
        if not opens and not ANOTHER_SENTENCE.match(reading.low, start):
            return start, len(reading.text)
    return None


def _benefit(reading: Reading) -> tuple[int, int] | None:
    """A second benefit with a connective of its own."""
    low, parts = reading.low, reading.parts
    benefit = parts.benefit
    if benefit.start > parts.want.start:
        if _CONNECTIVES.isdisjoint(reading.gain_words) or _CONNECTIVES.isdisjoint(
            words_in(benefit.text)
        ):
            return None
        found = _SECOND_BENEFIT.search(low, benefit.start + 1, benefit.end)
        return found.span() if found else None
    behind = BENEFIT.search(low, max(parts.want.end - 1, 0))
    return behind.span() if behind else None
