"""What a page's text says that its input does not: numbers, superlatives, addresses; pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from content.pages.checks.claim_words import claims, harmless
from content.pages.checks.findings import at_place
from content.pages.checks.numbers import Number, known_values, unknown_numbers
from content.pages.checks.phrases import Found, phrase_of, phrases_in
from content.pages.checks.words import folded
from content.pages.values import GenerationInput, PageDefect, PageDraft, Passage
from quality.defects import Confidence, Severity
from quality.text import lowered

_WORDS = re.compile(r"[\w\s'\u2019-]+")
#: The criterion of what the input does not say.
FACTS = "facts"
_MESSAGES = {
    "price": 'The price "{}" is not in the input.',
    "percentage": 'The percentage "{}" is not in the input.',
    "measure": 'The measure "{}" is not in the input.',
    "year": 'The year "{}" is not in the input.',
    "number": 'The number "{}" is not in the input.',
}
_REMOVE = "Leave it out, or say what the facts say."


def claim_defects(inp: GenerationInput, draft: PageDraft) -> Iterator[PageDefect]:
    """Of each such claim one, in order."""
    given = list(given_texts(inp))
    known, said = known_values(given), phrase_of("\n".join(given), folded)
    whole = f" {' '.join(said)} "
    for passage in draft.passages:
        yield from _numbers(passage, known)
        yield from _superlatives(passage, whole, inp.language_tag)
    yield from _links(draft, "\n".join(given))


def given_texts(inp: GenerationInput) -> Iterator[str]:
    """What the page may be written from. Not the sample of the brand voice: it only sounds."""
    page, project = inp.page, inp.project
    yield from (page.title, page.url, *page.keywords, inp.instructions)
    yield from (project.name, project.description, project.context)
    yield from _texts_of(page.facts)


def _texts_of(value: Any) -> Iterator[str]:
    """All texts and numbers in a value of JSON."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            pending += [*one, *one.values()]
        elif isinstance(one, list | tuple):
            pending += one
        elif not isinstance(one, bool) and one is not None:
            yield str(one)


def _numbers(passage: Passage, known: frozenset[Any]) -> Iterator[PageDefect]:
    for number in unknown_numbers(passage.text, known):
        yield at_place(
            passage,
            number.start,
            number.end,
            criterion=FACTS,
            kind=number.kind,
            severity="high",
            message=_MESSAGES[number.kind].format(passage.text[number.start : number.end]),
            suggestion=_REMOVE,
            confidence=_sureness(number),
        )


def _sureness(number: Number) -> Confidence:
    """A year may be this one, which is nobody's fact."""
    return "medium" if number.kind == "year" else "high"


def _superlatives(passage: Passage, said: str, tag: str) -> Iterator[PageDefect]:
    claimed = claims(tag)
    for found in phrases_in(passage.text, claimed, folded):
        if _is_harmless(found, tag) or f" {' '.join(found.phrase)} " in said:
            continue
        severity: Severity = "high" if claimed[found.phrase] else "medium"
        yield at_place(
            passage,
            found.start,
            found.end,
            criterion=FACTS,
            kind="superlative",
            severity=severity,
            message=f'Nothing in the input says "{passage.text[found.start : found.end]}".',
            suggestion="Say what the facts show instead of how it compares.",
        )


def _is_harmless(found: Found, tag: str) -> bool:
    around = ((found.before, *found.phrase), (*found.phrase, found.behind))
    return any(each in harmless(tag) for each in around)


def _links(draft: PageDraft, said: str) -> Iterator[PageDefect]:
    for place, component in enumerate(draft.components):
        for link in component.markup.links if component else ():
            if link not in said:
                yield PageDefect(
                    component=place + 1,
                    criterion=FACTS,
                    kind="link",
                    severity="high",
                    message=f'The address "{link[:200]}" is not in the input.',
                    suggestion="Link to addresses of the input alone.",
                )


def banned_defects(banned: Sequence[str], draft: PageDraft) -> Iterator[PageDefect]:
    """Words that the brand never uses: whole ones in any case; what has other signs, anywhere."""
    words = {each for each in banned if _WORDS.fullmatch(each)}
    phrases = {phrase_of(each, str.casefold) for each in words} - {()}
    signs = {each.casefold() for each in banned if each not in words} - {""}
    for passage in draft.passages:
        for found in phrases_in(passage.text, phrases, str.casefold):
            yield _banned(passage, found.start, found.end)
        low = lowered(passage.text)
        for sign in signs:
            start = low.find(sign)
            if start >= 0:
                yield _banned(passage, start, start + len(sign))


def _banned(passage: Passage, start: int, end: int) -> PageDefect:
    return at_place(
        passage,
        start,
        end,
        criterion="brand_voice",
        kind="banned_word",
        severity="high",
        message=f'The brand never says "{passage.text[start:end]}".',
        suggestion="Say it in other words.",
    )
