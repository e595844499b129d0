"""Stories that want the same, among many, without comparing each with each.

Wants are compared as sets of word stems. Two sets that are alike enough share one of their
rarest stems (prefix filtering: Bayardo, Ma, Srikant, Scaling up all pairs similarity search,
WWW 2007), so only stories that share one are compared. Nothing that is alike is overlooked.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from typing import NamedTuple

from rapidfuzz import fuzz

from quality.reading import read
from quality.text import EMPTY_WORDS, content_stems, one_line, stem, word_set

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

#: What two wants may differ in and be the same all the same.
_SMALL_WORDS = word_set(
    "a am an are be been being can could did do does had has have is just may s shall should "
    "that the to was were which will would"
)
_TELLING_SMALL_WORDS = EMPTY_WORDS - _SMALL_WORDS
#: Where things go from one to another, order tells.
_DIRECTIONS = word_set("after before between from into over than to under")
#: Behind these a want says more of the same.
_SAYING_MORE = word_set("at before by during for from in on per until via when while with within")
_SAYING_MORE_RATIO = 90
#: A want of fewer words is not the beginning of another.
_LEAST_WORDS = 2
#: So many of its beginnings are looked for.
_MOST_ENDS = 4

#: So few are sooner compared with each other than sorted.
_FEW = 20

Stems = frozenset[str]
_Key = tuple[str, ...]


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


class Pair(NamedTuple):
    """Two stories by their places; `same` says that the wants are equal but for case, signs, small
    words, number, tense and order.

    `similarity` runs from 0 to 100.
    """

    first: int
    second: int
    same: bool
    similarity: int


def want_of(text: str) -> str:
    """What two stories must not have in common, comparable: the want, else the whole story."""
    return read(one_line(text)).want


def alike_pairs(
    wants: Sequence[str], budget: Budget | None = None, *, longer: bool = False
) -> list[Pair]:
    """Each want that an earlier one is alike to, with the first such; in order of the later one.

    Args:
        wants: comparable texts, as `want_of` gives them.
        budget: where it ends, so do the comparisons; repeated wants are all found.
        longer: also pairs of which one says what the other says, and then for whom or when.
    """
    # Of wants in the same words only the first is taken apart.
    first_said: dict[str, int] = {}
    words: dict[int, list[str]] = {}
    stems: dict[int, list[str]] = {}
    first_of: dict[_Key, int] = {}
    pairs: list[Pair] = []
    for place, want in enumerate(wants):
        first = first_said.get(want)
        if first is None:
            words[place] = said = want.split()
            stems[place] = meant = content_stems(said)
            first = first_said[want] = first_of.setdefault(_key(said, meant), place)
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
        for one, other in _alike([frozenset(stems[place]) for place in places], budget)
    ]
    if longer:
        pairs += _longer_pairs(words, stems)
    return sorted(pairs, key=_order) if len(pairs) > 1 else pairs


def _order(pair: Pair) -> tuple[int, bool, int]:
    return pair.second, not pair.same, pair.first


def _longer_pairs(wants: Mapping[int, list[str]], stems: Mapping[int, list[str]]) -> Iterator[Pair]:
    """Only wants that begin with the same two words that tell something can be such."""
    begun = [
        tuple(meant[1 : _LEAST_WORDS + 1] if _says_how(meant) else meant[:_LEAST_WORDS])
        for meant in stems.values()
    ]
    if len(set(begun)) == len(begun):
        return
    near: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, first in zip(stems, begun, strict=True):
        if len(first) == _LEAST_WORDS:
            near[first].append(place)
    for places in near.values():
        if len(places) > 1:
            yield from _longer_among(
                [(place, [word for word in wants[place] if word[-2:] != "ly"]) for place in places]
            )


def _says_how(words: Sequence[str]) -> bool:
    """Whether the first word is an adverb, which tells little: "easily"."""
    return bool(words) and words[0].endswith("ly")


def _longer_among(wants: Sequence[tuple[int, list[str]]]) -> Iterator[Pair]:
    first_of: dict[_Key, int] = {}
    for place, words in wants:
        first_of.setdefault(_key(words, content_stems(words)), place)
    for place, words in wants:
        ends = (at for at in range(_LEAST_WORDS, len(words)) if words[at] in _SAYING_MORE)
        for at in islice(ends, _MOST_ENDS):
            begun = words[:at]
            other = first_of.get(_key(begun, content_stems(begun)), place)
            if other != place:
                first, second = sorted((place, other))
                yield Pair(first=first, second=second, same=False, similarity=_SAYING_MORE_RATIO)
                break


def _key(words: Sequence[str], stems: list[str]) -> "_Key":
    """Equal for wants that differ in articles, number, tense and order only."""
    if not _DIRECTIONS.isdisjoint(words):
        return tuple([stem(word) for word in words if word not in _SMALL_WORDS])
    return (*sorted(stems), *sorted(filter(_TELLING_SMALL_WORDS.__contains__, words)))


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
    if len(sets) <= _FEW:
        for place, stems in enumerate(sets):
            if budget and not budget.spend(place + len(stems)):
                return
            for other in range(place):
                if not stems.isdisjoint(sets[other]) and _are_alike(sets[other], stems):
                    yield other, place
                    break
        return
    frequency = Counter(stem for stems in sets for stem in stems)
    by_stem: dict[str, list[int]] = defaultdict(list)
    for place, stems in enumerate(sets):
        size = len(stems)
        least, most = _LEAST_JACCARD * size, size / _LEAST_JACCARD + 1
        rarest = sorted(stems, key=lambda stem: (frequency[stem], stem))
        prefix = rarest[: size - math.ceil(least) + 1]
        if budget and not budget.spend(sum(len(by_stem[stem]) for stem in prefix)):
            return
        candidates = {other for stem in prefix for other in by_stem[stem]}
        for other in sorted(candidates):
            if budget and not budget.spend(size + len(sets[other])):
                return
            if least <= len(sets[other]) <= most and _are_alike(sets[other], stems):
                yield other, place
                break
        for one in prefix:
            by_stem[one].append(place)


def _are_alike(one: Stems, other: Stems) -> bool:
    only_one = one - other
    common = len(one) - len(only_one)
    jaccard = common / (len(other) + len(only_one)) if common else 0.0
    if jaccard < _LEAST_JACCARD:
        return False
    only_other = other - one
    if len(only_one) == len(only_other) == 1:
        return _is_same_word(*only_one, *only_other)
    if len(only_one) == len(only_other):
        return _spelt_alike(sorted(only_one), sorted(only_other))
    more = only_one or only_other
    return (
        not (only_one and only_other)
        and min(len(one), len(other)) >= _LEAST_STEMS_OF_MORE
        and jaccard >= _LEAST_JACCARD_OF_MORE
        and not any(_numbers(word) or word in _TELLING for word in more)
    )


def _spelt_alike(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether each word has its own counterpart that differs in spelling only."""
    if len(some) > _MOST_MISSPELT:
        return False
    return any(all(map(_is_same_word, some, order)) for order in permutations(others))


def _is_same_word(one: str, other: str) -> bool:
    return (
        len(other) <= _MOST_WORD_CHARS
        and fuzz.ratio(one, other) >= _SAME_WORD
        and not (_numbers(one) or _numbers(other))
    )


def _numbers(word: str) -> bool:
    return any(sign.isdigit() for sign in word)
