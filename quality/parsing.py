"""Parses an English user story: role, want and benefit, wherever they stand."""

import re
from collections.abc import Iterator
from dataclasses import replace

from quality.lexicon import is_hardly_else
from quality.openings import (
    ABILITY,
    BENEFIT,
    BENEFIT_FIRST,
    BENEFIT_WORDS,
    CONDITION,
    INSERTED_ROLE,
    NO_ROLE,
    NOT_AN_OPENING_BEHIND,
    ROLE_ANYWHERE,
    ROLE_FIRST,
    SUBJECT,
    WANT,
    plain_opening,
)
from quality.parsed_story import EDGES, NOTHING, Order, ParsedStory, Part, part_of
from quality.sentences import sentence_starts

#: Words that may be a role's, and characters between it and the want.
_MOST_CANDIDATES = 12
_MOST_ROLE_CHARS = 200
_NEGATED = re.compile(r"\b(?:not|never|don't|cannot|can't|won't|mustn't|nt)\b")

#: "the system must": somebody else's doing, behind a role without a comma.
_SOMEBODY_MUST = re.compile(
    r"(?<=\w)\s(?=(?:all|each|every|my|our|the|this)\s(?:\w+\s){1,3}"
    r"(?:are|can|is|must|shall|should|will)\b)"
)
_WORD = re.compile(r"[a-z-]+")
#: What stands between a role and a want that nothing opens.
_COMMA = re.compile(r"[,:;]|\s[\u2013\u2014-]\s")
_USUAL = "i want to "
_OPENED_CHARS = len(", i want")
#: Without these before it nothing opens a want sooner.
_MAY_OPEN = frozenset({"i", "we", "it", "my", "our", "want", "wants", "needs", "would"})
#: Without these before it, it opens the want.
_MAY_TELL = _MAY_OPEN | BENEFIT_WORDS | NOT_AN_OPENING_BEHIND


def parse_english(text: str, low: str) -> ParsedStory:
    """The parts of an English story; `text` as `quality.text.plain` makes it, `low` lowered."""
    sentences = sentence_starts(text)
    usual = None if sentences else _usual_story(text, low)
    if usual:
        return usual
    first = ROLE_FIRST.match(low)
    if first and not NO_ROLE.match(low, first.end()):
        begin = first.end()
        if sentences and sentences[0] <= begin:  # "1. As a"
            sentences = tuple([start for start in sentences if start > begin])
        return _role_first(text, low, begin, sentences)
    return _role_later(text, low, sentences)


def _usual_story(text: str, low: str) -> ParsedStory | None:
    """ "As a ROLE, I want to WANT", where nothing in the role may open a want or a benefit; as
    `_role_first` reads it, sooner."""
    begin = 5 if low.startswith("as a ") else 6 if low.startswith("as an ") else 0
    comma = low.find(f", {_USUAL}", begin) if begin else -1
    if comma <= begin or NO_ROLE.match(low, begin):
        return None
    role = low[begin:comma]
    if role[0].isspace() or "," in role or not _MAY_TELL.isdisjoint(role.rstrip(EDGES).split()):
        return None
    told = part_of(text, begin, comma)
    span = comma + 2, comma + _OPENED_CHARS
    return _wanted(text, low, told, span, opening="want", sentences=(), order="role first")


def _role_first(text: str, low: str, begin: int, sentences: tuple[int, ...]) -> ParsedStory:
    opening = _opening(low, begin)
    if opening:
        role = _role(text, low, begin, opening.start())
        return _wanting(text, low, role, opening, sentences, order="role first")
    benefit = BENEFIT.search(low, max(begin - 1, 0))
    end = benefit.start() if benefit else len(text)
    comma = _end_of_role(low, begin, end)
    subject = SUBJECT.search(low, begin, end)
    if subject and (comma < 0 or subject.start() <= comma + 3):
        # "I add a story" tells what is done, not what is wanted.
        role, want = part_of(text, begin, subject.start()), NOTHING
    elif comma < 0:
        role, want = part_of(text, begin, end), NOTHING
    else:
        role, want = part_of(text, begin, comma), part_of(text, comma, end)
    return ParsedStory(
        role=role,
        want=want,
        benefit=part_of(text, benefit.end(), len(text)) if benefit else NOTHING,
        benefit_intro=_intro(benefit),
        order="role first",
        sentences=sentences,
        language="en",
    )


def _end_of_role(low: str, begin: int, end: int) -> int:
    """Where a want without any opening begins; -1 where there is none."""
    comma = _COMMA.search(low, begin, end)
    if comma:
        return comma.start()
    somebody = _SOMEBODY_MUST.search(low, begin, end)
    if somebody:
        return somebody.start()
    words = _WORD.finditer(low, begin, end)
    next(words, None)
    return next((word.start() for word in words if is_hardly_else(word[0])), -1)


def _role_later(text: str, low: str, sentences: tuple[int, ...]) -> ParsedStory:
    """A benefit, a condition or a title comes first, or there is no role at all."""
    for begin, lead_end, middle in _role_candidates(low):
        opening = _opening(low, begin, begin + _MOST_ROLE_CHARS, middle=middle)
        if opening is None:
            continue
        role = _role(text, low, begin, opening.start())
        order = _order(low, lead_end, middle=middle)
        found = _wanting(text, low, role, opening, sentences, order=order)
        return _with_lead(text, low, found, lead_end)
    found = _inserted(text, low, sentences)
    return found if found.opening else _unopened(text, low, sentences) or found


def _inserted(text: str, low: str, sentences: tuple[int, ...]) -> ParsedStory:
    """ "I want, as a nurse, to see": read without the role, which then is put in."""
    role = INSERTED_ROLE.search(low)
    if role is None:
        return _without_role(text, low, sentences)
    start, end = role.span()
    gap = " " * (end - start)
    found = _without_role(text[:start] + gap + text[end:], low[:start] + gap + low[end:], sentences)
    if not found.opening:
        return found
    return replace(found, role=part_of(text, *role.span("role")), order="role in the middle")


def _without_role(text: str, low: str, sentences: tuple[int, ...]) -> ParsedStory:
    lead = BENEFIT_FIRST.match(low)
    begin = low.find(",", lead.end()) if lead else 0
    opening = _opening(low, begin) if begin >= 0 else None
    if opening is None:
        benefit = part_of(text, lead.end(), len(text)) if lead else NOTHING
        return ParsedStory(
            benefit=benefit,
            benefit_intro=_intro(lead),
            sentences=sentences,
            language="en" if lead else "",
        )
    found = _wanting(text, low, NOTHING, opening, sentences, order="")
    return _with_lead(text, low, found, opening.start()) if lead else found


def _unopened(text: str, low: str, sentences: tuple[int, ...]) -> ParsedStory | None:
    """A benefit or a condition, a role between commas, and a want that nothing opens."""
    for begin, lead_end, _ in _role_candidates(low):
        order = _order(low, lead_end, middle=False)
        comma = low.find(",", begin, begin + _MOST_ROLE_CHARS)
        if order != "role first" and comma > 0:
            found = replace(_role_first(text, low, begin, sentences), order=order)
            return _with_lead(text, low, found, lead_end)
    return None


def _role_candidates(low: str) -> Iterator[tuple[int, int, bool]]:
    """Where a role may begin, where ends what stands before it, and whether "I" does."""
    for count, found in enumerate(ROLE_ANYWHERE.finditer(low)):
        if count == _MOST_CANDIDATES:
            return
        if not NO_ROLE.match(low, found.end()):
            yield found.end(), found.start(), found["subject"] is not None


def _order(low: str, lead_end: int, *, middle: bool) -> Order:
    lead = low[:lead_end].strip(EDGES)
    if BENEFIT_FIRST.match(lead):
        return "benefit first"
    if CONDITION.match(lead):
        return "condition first"
    return "role in the middle" if middle else "role first"


def _with_lead(text: str, low: str, found: ParsedStory, lead_end: int) -> ParsedStory:
    """With the benefit that comes first; one that comes last is then a second."""
    lead = BENEFIT_FIRST.match(low)
    if lead is None or lead.end() >= lead_end:
        return found
    return replace(found, benefit=part_of(text, lead.end(), lead_end), benefit_intro=_intro(lead))


def _opening(
    low: str, begin: int, end: int | None = None, *, middle: bool = False
) -> re.Match[str] | None:
    """What opens the want of a role that begins there, or None."""
    stop = len(low) if end is None else end
    start = max(begin - 1, 0)
    if not middle:
        start = _first_of_usual(low, start, stop)
    for found in WANT["middle" if middle else "usual"].finditer(low, start, stop):
        between = low[begin : found.start()].rstrip(EDGES)
        words = between.split()
        if not BENEFIT_WORDS.isdisjoint(words) and BENEFIT.search(f" {between} "):
            return None
        if not words or words[-1] not in NOT_AN_OPENING_BEHIND:
            return found
    return None


def _first_of_usual(low: str, start: int, stop: int) -> int:
    """Where to look for a want's opening: at "I want", if nothing before it may be one."""
    usual = low.find(_USUAL, start, stop)
    before = low[start:usual] if usual > 0 else ""
    return (
        usual
        if before
        and before.count(",") <= before.endswith(", ")
        and (_MAY_OPEN.isdisjoint(before.split()))
        else start
    )


def _role(text: str, low: str, begin: int, end: int) -> Part:
    """The role, without a condition that stands behind it."""
    comma = low.find(",", begin, end)
    behind = low[comma + 1 : end].lstrip() if comma > 0 else ""
    if behind and CONDITION.match(behind):
        end = comma
    return part_of(text, begin, end)


def _wanting(
    text: str,
    low: str,
    role: Part,
    opening: re.Match[str],
    sentences: tuple[int, ...],
    *,
    order: Order,
) -> ParsedStory:
    """With the want behind its opening, and the benefit behind that."""
    verb, subject, modal = opening.group("verb", "subject", "modal")
    return _wanted(
        text,
        low,
        role,
        opening.span(),
        opening=plain_opening(verb),
        sentences=sentences,
        order=order,
        has_subject=subject is not None,
        has_modal=modal is not None,
    )


def _wanted(
    text: str,
    low: str,
    role: Part,
    span: tuple[int, int],
    *,
    opening: str,
    sentences: tuple[int, ...],
    order: Order,
    has_subject: bool = True,
    has_modal: bool = False,
) -> ParsedStory:
    """With what somebody wants behind an opening that stands there."""
    begin = span[1]
    lead = ABILITY.match(low, begin)
    start = lead.end() if lead else begin
    benefit = BENEFIT.search(low, max(start - 1, begin))
    end = benefit.start() if benefit else len(text)
    if sentences:
        end = next((sentence for sentence in sentences if start < sentence < end), end)
    said = low[span[0] : start]
    return ParsedStory(
        role,
        part_of(text, start, end),
        part_of(text, benefit.end(), len(text)) if benefit else NOTHING,
        opening,
        _intro(benefit),
        order,
        has_subject,
        bool(lead and lead["to"]) or has_modal,
        said != _USUAL and _NEGATED.search(said) is not None,
        sentences,
        "en",
    )


def _intro(benefit: re.Match[str] | None) -> str:
    return benefit["intro"] if benefit else ""
