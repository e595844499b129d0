"""Extract needs (who wants what) from a brief's cards."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import cycle
from typing import Any

from simulator.writing.brief import Brief, parse_object
from simulator.writing.wording import (
    benefit_clause,
    in_third_person,
    is_telling,
    lowered,
    named,
    one_line,
    parse_statement,
    single_want,
    title_of,
)

CORE_PERSONAS_MAX = 3
NEEDS_KEPT = 8192


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """One thing somebody wants, as the cards voice it.

    Args:
        want: "to do something"; `title` and `action` are the same for a headline and in the
            third person.
    """

    persona: str
    want: str
    title: str
    action: str
    benefit: str
    systems: tuple[str, ...]
    source: str


def needs_of(brief: Brief) -> list[Need]:
    """All that the brief's cards want, each want once, voiced by the asked set of personas.

    Without any card there is one need, about the epic itself.
    """
    return _with_personas(_distinct(_needs(brief)), brief.persona_set)


def _needs(brief: Brief) -> list[Need]:
    if brief.summary:
        needs = list(_summary_needs(brief.summary))
    else:
        needs = [_line_need(line) for line in brief.card_lines]
    subject = _subject(brief.epic)
    placed = [need if need.systems else replace(need, systems=(subject,)) for need in needs]
    return placed or [_epic_need(brief.epic)]


@lru_cache(maxsize=NEEDS_KEPT)
def _line_need(line: str) -> Need:
    """A card's need, without a system where the card names none; kept, since every run over a
    backlog brings the same cards."""
    return _card_need(parse_object(line))


def _card_need(card: Mapping[str, Any]) -> Need:
    title, statement = one_line(card.get("title")), one_line(card.get("statement"))
    parsed = parse_statement(statement)
    persona = one_line(card.get("persona")) or (parsed[0] if parsed else "user")
    want = single_want(parsed[1] if parsed else f"to {title}")
    systems = tuple(sorted(_telling(card.get("systems")), key=lambda system: system not in want))
    if not want:
        want = f"to work with {named(systems[0] if systems else title or 'product')}"
    benefit = benefit_clause(one_line(card.get("problem")) or (parsed[2] if parsed else ""))
    return Need(
        persona=persona,
        want=want,
        title=title_of(want),
        action=in_third_person(want),
        benefit=benefit,
        systems=systems,
        source=one_line(card.get("code")),
    )


def _summary_needs(summary: Mapping[str, Any]) -> Iterator[Need]:
    personas = _texts(summary.get("personas")) or ["user"]
    systems = _texts(summary.get("systems"))
    problems = cycle(_texts(summary.get("keyProblems")) or [""])
    statements = _texts(summary.get("statements"))
    if not statements:
        statements = [f"to work with {named(theme)}" for theme in _texts(summary.get("themes"))]
    for at, statement in enumerate(statements):
        parsed = parse_statement(statement)
        touched = [system for system in systems if system.lower() in statement.lower()]
        card = {
            "title": statement,
            "statement": statement,
            "persona": parsed[0] if parsed else personas[at % len(personas)],
            "problem": (parsed[2] if parsed else "") or next(problems),
            "systems": touched or systems[at % len(systems) : at % len(systems) + 1]
            if systems
            else [],
        }
        yield _card_need(card)


def _epic_need(epic: Mapping[str, Any]) -> Need:
    subject = _subject(epic)
    want = f"to work with {named(subject)}"
    return Need(
        persona="user",
        want=want,
        title=title_of(want),
        action=in_third_person(want),
        benefit=benefit_clause(one_line(epic.get("businessValue"))),
        systems=(subject,),
        source="",
    )


def _subject(epic: Mapping[str, Any]) -> str:
    return lowered(one_line(epic.get("theme")) or one_line(epic.get("title")) or "product")


def _distinct(needs: Sequence[Need]) -> list[Need]:
    """The needs without repeated wants; titles come from wants, so they are unique too."""
    seen: dict[str, Need] = {}
    for need in needs:
        seen.setdefault(need.title.casefold(), need)
    return list(seen.values())


def _with_personas(needs: Sequence[Need], persona_set: str) -> list[Need]:
    """For the core set, the few personas with most needs speak for all others."""
    counts = Counter(need.persona for need in needs)
    if persona_set != "core" or len(counts) <= CORE_PERSONAS_MAX:
        return list(needs)
    core = sorted(counts, key=counts.__getitem__, reverse=True)[:CORE_PERSONAS_MAX]
    return [need if need.persona in core else _voiced_by(need, core[0]) for need in needs]


@lru_cache(maxsize=NEEDS_KEPT)
def _voiced_by(need: Need, persona: str) -> Need:
    return replace(need, persona=persona)


def _telling(value: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in _texts(value) if is_telling(text)))


def _texts(value: object) -> list[str]:
    """The texts of a list; of an object its first text. Anything else holds none."""
    found = []
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            item = next((part for part in item.values() if isinstance(part, str)), "")  # noqa: PLW2901  # one name for one thing
        if text := one_line(item):
            found.append(text)
    return found
