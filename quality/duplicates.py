"""Stories that want the same, among many, without comparing each with each.

Wants are compared as sets of word stems. Two sets that are alike enough share one of their
rarest stems (prefix filtering: Bayardo, Ma, Srikant, Scaling up all pairs similarity search,
WWW 2007), so only stories that share one are compared. Nothing that is alike is overlooked.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from rapidfuzz import fuzz

from quality.anatomy import anatomy
from quality.text import comparable, content_stems, one_line

#: Below this share of common stems two wants are different, whatever their words look like.
_LEAST_JACCARD = 0.6
#: A want that only says more than another is alike from this share on, if both say something.
_LEAST_JACCARD_OF_MORE = 0.8
_LEAST_STEMS_OF_MORE = 4
#: Two words with this ratio are one word, spelt in two ways.
_SAME_WORD = 84
#: Words that turn a want into its opposite, or one's own things into anybody's.
_TELLING = frozenset({"not", "no", "non", "never", "without", "except", "any"})
#: More words than this are not told apart by spelling.
_MOST_MISSPELT = 3
#: Nor is a word that is longer.
_MOST_WORD_CHARS = 50

Stems = frozenset[str]


@dataclass(slots=True)
class Budget:
    """What comparing may cost: `left` counts stems, and stories that share one; 0.1 µs each."""

    left: int
    exhausted: bool = False

    def spend(self, cost: int) -> bool:
        """Whether there was enough left; once there was not, there never is."""
        self.left -= cost
        self.exhausted = self.exhausted or self.left < 0
        return not self.exhausted


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two stories by their places; `same` says that the wants are equal but for case and signs.

    `similarity` runs from 0 to 100.
    """

    first: int
    second: int
    same: bool
    similarity: int


def want_of(text: str) -> str:
    """What two stories must not have in common, comparable: the want, else the whole story."""
    line = one_line(text)
    return comparable(anatomy(line).want.text or line)


def alike_pairs(wants: Sequence[str], budget: Budget | None = None) -> list[Pair]:
    """Each want that an earlier one is alike to, with the first such; in order of the later one.

    Args:
        wants: comparable texts, as `want_of` gives them.
        budget: where it ends, so do the comparisons; repeated wants are all found.
    """
    first_of: dict[str, int] = {}
    pairs: list[Pair] = []
    for place, want in enumerate(wants):
        first = first_of.setdefault(want, place)
        if first != place:
            pairs.append(Pair(first=first, second=place, same=True, similarity=100))
    places = list(first_of.values())
    pairs += [
        Pair(
            first=places[one],
            second=places[other],
            same=False,
            similarity=round(fuzz.token_sort_ratio(wants[places[one]], wants[places[other]])),
        )
        for one, other in _alike([frozenset(content_stems(want)) for want in first_of], budget)
    ]
    return sorted(pairs, key=lambda pair: (pair.second, pair.first))


def groups(pairs: Sequence[Pair]) -> list[tuple[int, ...]]:
    """The places of stories that hang together by pairs, each group and its places in order."""
    parent: dict[int, int] = {}

    def root(place: int) -> int:
        while parent.setdefault(place, place) != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for pair in pairs:
        one, other = sorted((root(pair.first), root(pair.second)))
        parent[other] = one
    members: dict[int, list[int]] = defaultdict(list)
    for place in sorted(parent):
        members[root(place)].append(place)
    return [tuple(group) for group in members.values()]


def _alike(sets: Sequence[Stems], budget: Budget | None) -> Iterator[tuple[int, int]]:
    frequency = Counter(stem for stems in sets for stem in stems)
    by_stem: dict[str, list[int]] = defaultdict(list)
    for place, stems in enumerate(sets):
        rarest = sorted(stems, key=lambda stem: (frequency[stem], stem))
        prefix = rarest[: len(stems) - math.ceil(_LEAST_JACCARD * len(stems)) + 1]
        if budget and not budget.spend(sum(len(by_stem[stem]) for stem in prefix)):
            return
        candidates = {other for stem in prefix for other in by_stem[stem]}
        for other in sorted(candidates):
            if budget and not budget.spend(len(stems) + len(sets[other])):
                return
            if _are_alike(sets[other], stems):
                yield other, place
                break
        for stem in prefix:
            by_stem[stem].append(place)


def _are_alike(one: Stems, other: Stems) -> bool:
    small, large = sorted((len(one), len(other)))
    if small < _LEAST_JACCARD * large:
        return False
    common = len(one & other)
    jaccard = common / (small + large - common)
    if jaccard < _LEAST_JACCARD:
        return False
    only_one, only_other = one - other, other - one
    if len(only_one) == len(only_other):
        return _spelt_alike(sorted(only_one), sorted(only_other))
    more = only_one or only_other
    return (
        not (only_one and only_other)
        and small >= _LEAST_STEMS_OF_MORE
        and jaccard >= _LEAST_JACCARD_OF_MORE
        and not any(_numbers(word) or word in _TELLING for word in more)
    )


def _spelt_alike(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether each word has its own counterpart that differs in spelling only."""
    if len(some) > _MOST_MISSPELT or any(len(word) > _MOST_WORD_CHARS for word in others):
        return False
    return any(
        all(
            fuzz.ratio(one, other) >= _SAME_WORD and not (_numbers(one) or _numbers(other))
            for one, other in zip(some, order, strict=True)
        )
        for order in permutations(others)
    )


def _numbers(word: str) -> bool:
    return any(sign.isdigit() for sign in word)
