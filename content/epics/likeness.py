"""How alike cards and epics are, by the words that few of them share.

Each text is a sparse vector of its words, weighted by how rare they are (TF-IDF; Salton, Buckley,
Term-weighting approaches in automatic text retrieval, 1988), cut to its heaviest and of length 1;
two are as alike as the cosine between them. Only those that share a word are ever compared, by
an index of words. Pure, and the same for the same cards in any order.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from content.epics.values import CardInput
from quality.text import comparable, content_stems, words_in

#: {word: weight}
Vector = Mapping[str, float]

#: How much of a text counts; what people say first says what it is about.
_TEXT_CHARS = 600
#: The heaviest words of one card.
_WORDS_KEPT = 16
#: What a word counts for by where it stands.
_IN_TITLE, _IN_TEXT, _IN_SYSTEM, _IN_THEME = 1.5, 1.0, 1.0, 2.0
#: A theme and a persona count as words of their own.
_THEME, _PERSONA = 3.0, 2.0
_NAMES = ("theme ", "persona ")
#: Words of more than this share of the cards tell nothing; themes and personas do for longer.
_COMMON, _COMMON_NAME = 0.25, 0.75
#: Fewer cards have too few words for that.
_FEW_CARDS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """How rare the words of some cards are."""

    rarity: Mapping[str, float]

    @classmethod
    def of(cls, cards: Sequence[CardInput]) -> "Words":
        """Counted over these."""
        counts = Counter(word for card in cards for word in card_words(card))
        return cls(
            rarity={
                word: math.log(1 + len(cards) / count)
                for word, count in counts.items()
                if 1 < count <= _most(word, len(cards))
            }
        )

    def vector(self, counted: Mapping[str, float]) -> Vector:
        """The heaviest of counted words, of length 1; empty where all are common, or nobody
        else's."""
        weighted = [
            (-count * self.rarity[word], word)
            for word, count in counted.items()
            if word in self.rarity
        ]
        return unit({word: -weight for weight, word in sorted(weighted)[:_WORDS_KEPT]})


def _most(word: str, cards: int) -> float:
    """More cards than this have it in common, so that it tells nothing."""
    if cards <= _FEW_CARDS:
        return cards
    return cards * (_COMMON_NAME if word.startswith(_NAMES) else _COMMON)


def card_words(card: CardInput) -> dict[str, float]:
    """{stem: how much it counts} of a card, with its themes and its persona as words."""
    counted: dict[str, float] = defaultdict(float)
    _count(counted, card.title, _IN_TITLE)
    _count(counted, card.statement, _IN_TEXT)
    _count(counted, card.problem or "", _IN_TEXT)
    for system in card.systems:
        _count(counted, system, _IN_SYSTEM)
    for theme in card.themes:
        _count(counted, theme, _IN_THEME)
        counted[f"{_NAMES[0]}{comparable(theme)}"] += _THEME
    if persona := comparable(card.persona):
        counted[f"{_NAMES[1]}{persona}"] += _PERSONA
    return counted


def text_words(*texts: str) -> dict[str, float]:
    """The same of plain texts."""
    counted: dict[str, float] = defaultdict(float)
    for text in texts:
        _count(counted, text, _IN_TITLE)
    return counted


def _count(counted: dict[str, float], text: str, weight: float) -> None:
    for word in dict.fromkeys(content_stems(words_in(text[:_TEXT_CHARS].casefold()))):
        counted[word] += weight


def summed(vectors: Iterable[Vector], *, most: int) -> Vector:
    """The direction of several: the heaviest words of their sum, of length 1."""
    total: dict[str, float] = defaultdict(float)
    for vector in vectors:
        for word, weight in vector.items():
            total[word] += weight
    heaviest = sorted(total.items(), key=lambda item: (-item[1], item[0]))[:most]
    return unit(dict(heaviest))


def cosine(one: Vector, other: Vector) -> float:
    """From 0, nothing in common, to 1."""
    if len(one) > len(other):
        one, other = other, one
    return sum([weight * other[word] for word, weight in one.items() if word in other])


def unit(vector: Mapping[str, float]) -> Vector:
    """Of length 1, or empty."""
    length = math.sqrt(sum([weight * weight for weight in vector.values()]))
    return {word: weight / length for word, weight in vector.items()} if length else {}
