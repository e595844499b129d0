"""One list of cards out of those of all parts, each need once; pure.

Neighbouring parts overlap, so both may voice the same; and people say a thing twice. Two cards are
one where the same persona wants the same in almost the same words, or where they rest on the same
words and say almost the same.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rapidfuzz import fuzz

from content.cards.drafts import names
from content.cards.values import CardDraft, KeptCard
from quality.duplicates import alike_pairs, want_of
from quality.text import comparable

#: Of 100; two statements on the same words are one need from there on.
_LIKENESS_OF_SAME_QUOTE = 70


def merged(
    cards: Sequence[CardDraft], kept: Sequence[KeptCard]
) -> tuple[tuple[CardDraft, ...], int]:
    """The cards in their order, of doubles the first, filled up with what the others say; and
    how many were left out for a card that stays."""
    texts = [(card.persona, card.statement) for card in kept]
    texts += [(card.persona, card.statement) for card in cards]
    first_of = _roots(len(texts), [*_alike(texts), *_on_the_same_words(cards, len(kept))])
    found: dict[int, CardDraft] = {}
    standing = 0
    for place, card in enumerate(cards, start=len(kept)):
        first = first_of[place]
        if first < len(kept):
            standing += 1
        else:
            found[first] = _filled(found[first], card) if first in found else card
    return tuple(found.values()), standing


def _alike(texts: Sequence[tuple[str, str]]) -> Iterator[tuple[int, int]]:
    """Pairs of places with the same persona whose statements want the same."""
    of_persona: dict[str, list[int]] = defaultdict(list)
    for place, (persona, _) in enumerate(texts):
        of_persona[comparable(persona)].append(place)
    for places in of_persona.values():
        wants = [want_of(texts[place][1]) for place in places]
        for pair in alike_pairs(wants):
            yield places[pair.first], places[pair.second]


def _on_the_same_words(cards: Sequence[CardDraft], before: int) -> Iterator[tuple[int, int]]:
    of_quote: dict[str, list[int]] = defaultdict(list)
    for place, card in enumerate(cards):
        if card.quote:
            others = of_quote[comparable(card.quote)]
            for other in others:
                alike = fuzz.token_sort_ratio(
                    comparable(cards[other].statement), comparable(card.statement)
                )
                if alike >= _LIKENESS_OF_SAME_QUOTE:
                    yield other + before, place + before
                    break
            others.append(place)


def _roots(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Of each place the first that it is one with."""
    root = list(range(count))
    for first, second in sorted(pairs, key=lambda pair: pair[1]):
        one, other = _root(root, first), _root(root, second)
        root[max(one, other)] = min(one, other)
    return [_root(root, place) for place in range(count)]


def _root(root: list[int], place: int) -> int:
    while root[place] != place:
        root[place] = root[root[place]]
        place = root[place]
    return place


def _filled(first: CardDraft, later: CardDraft) -> CardDraft:
    return replace(
        first,
        persona=first.persona or later.persona,
        problem=first.problem or later.problem,
        systems=names((*first.systems, *later.systems)),
        themes=names((*first.themes, *later.themes)),
        quote=first.quote or later.quote,
    )
