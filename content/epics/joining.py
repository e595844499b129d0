"""Epics that are joined by code where an answer left something undone. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from content.epics.checking import MOST_EPICS_OF_CARD
from content.epics.likeness import Vector, Words, card_words, cosine, summed, text_words
from content.epics.values import CardInput, Epic, Unassigned
from quality.text import comparable

#: Words that tell where an epic lies.
_DIRECTION_WORDS = 60
_NOTHING_ALIKE = "no epic is about anything that it speaks of, and the model named no reason"


def with_sources(merged: Sequence[Epic], found: Iterable[Epic]) -> tuple[Epic, ...]:
    """Merged epics with the cards of those that they are merged from, instead of their refs."""
    cards = {epic.ref: epic.members for epic in found}
    return tuple(
        [
            replace(epic, members=_union(cards[ref] for ref in epic.members))
            for epic in merged
            if epic.members
        ]
    )


def _union(several: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(code for codes in several for code in codes))


def without_doubles(epics: Iterable[Epic]) -> tuple[Epic, ...]:
    """Epics of the same title as one, the first, with the cards of all."""
    found: dict[str, Epic] = {}
    for epic in epics:
        key = comparable(epic.title)
        found[key] = _joined(found[key], epic) if key in found else epic
    return tuple(found.values())


def folded(epics: Sequence[Epic], most: int) -> tuple[Epic, ...]:
    """At most so many: the smallest, again and again, into the one that it is most alike to."""
    left = list(epics)
    lexicon = _EpicWords(epics)
    while len(left) > most:
        smallest = min(range(len(left)), key=lambda at: (len(left[at].members), -at))
        gone = left.pop(smallest)
        nearest = max(
            range(len(left)),
            key=lambda at: (lexicon.likeness(gone, left[at]), len(left[at].members), -at),
        )
        left[nearest] = _joined(left[nearest], gone)
    return tuple(left)


def _joined(epic: Epic, other: Epic) -> Epic:
    return replace(
        epic,
        members=_union((epic.members, other.members)),
        dependencies=_union((epic.dependencies, other.dependencies)),
        priority=min(epic.priority, other.priority),
    )


class _EpicWords:
    """How alike epics are by what they say of themselves."""

    def __init__(self, epics: Sequence[Epic]) -> None:
        self._words = Words.of([as_card(epic) for epic in epics])
        self._vectors: dict[str, Vector] = {}

    def likeness(self, one: Epic, other: Epic) -> float:
        return cosine(self._vector(one), self._vector(other))

    def _vector(self, epic: Epic) -> Vector:
        if epic.ref not in self._vectors:
            self._vectors[epic.ref] = self._words.vector(card_words(as_card(epic)))
        return self._vectors[epic.ref]


def as_card(epic: Epic) -> CardInput:
    """An epic as what its words are compared by, and as what is grouped, is a card."""
    return CardInput(
        id=epic.ref,
        code=epic.ref,
        title=epic.title,
        persona="",
        statement=epic.description,
        problem=None,
        systems=(),
        themes=(epic.theme,) if epic.theme else (),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """Epics with the cards that were left out of them; `homeless` fit into none."""

    epics: tuple[Epic, ...]
    homeless: tuple[Unassigned, ...] = ()
    notes: tuple[str, ...] = ()


def with_left_out(
    epics: Sequence[Epic], cards: Mapping[str, CardInput], left_out: Sequence[str]
) -> Placed:
    """Each card that the answers say nothing of in the epic whose cards it is most alike to.

    Args:
        cards: all, by their codes.
    """
    if not left_out:
        return Placed(epics=tuple(epics))
    words = Words.of(list(cards.values()))
    vectors = {code: words.vector(card_words(card)) for code, card in cards.items()}
    directions = [
        summed(
            [
                *(vectors[code] for code in epic.members),
                words.vector(text_words(epic.title, epic.theme)),
            ],
            most=_DIRECTION_WORDS,
        )
        for epic in epics
    ]
    added: dict[int, list[str]] = {}
    homeless: list[str] = []
    for code in left_out:
        likeness = [cosine(vectors[code], direction) for direction in directions]
        nearest = max(range(len(epics)), key=lambda at: (likeness[at], -at))
        if likeness[nearest] > 0:
            added.setdefault(nearest, []).append(code)
        else:
            homeless.append(code)
    return Placed(
        epics=tuple(
            [
                replace(epic, members=(*epic.members, *added.get(at, ())))
                for at, epic in enumerate(epics)
            ]
        ),
        homeless=tuple([Unassigned(code=code, reason=_NOTHING_ALIKE) for code in homeless]),
        notes=tuple(
            f"the model put {', '.join(codes[:20])}{' …' * (len(codes) > 20)} into no epic; "
            f"most alike to them is {epics[at].title}, which holds them now"
            for at, codes in sorted(added.items())
        ),
    )


def in_few_epics(epics: Iterable[Epic]) -> tuple[Epic, ...]:
    """Each card in at most MOST_EPICS_OF_CARD, the first; no epic that is then empty."""
    times: dict[str, int] = {}
    found: list[Epic] = []
    for epic in epics:
        members = [code for code in epic.members if times.get(code, 0) < MOST_EPICS_OF_CARD]
        for code in members:
            times[code] = times.get(code, 0) + 1
        if members:
            found.append(replace(epic, members=tuple(members)))
    return tuple(found)
