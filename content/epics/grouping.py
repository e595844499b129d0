"""Many cards in groups that fit one call each, of cards about the same.

A group grows around the card that most others are alike to: what is alike to it is found by an
index of words, gives the group its direction, and the most alike to that fill it. Then the next
one, until no card is left. Small groups are put together. Pure, and the same for the same cards in
any order.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from content.epics.likeness import Vector, Words, card_words, cosine, summed
from content.epics.values import CardInput
from epics.bounds import code_key

#: Words that a group's direction has.
_DIRECTION_WORDS = 40
#: So much of a group, once it is found, tells where the rest of it lies.
_CORE = 4
#: Below this a card is no more alike to a group than to any other.
_ALIKE = 0.08


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What one call takes: so many cards, and so many characters of them."""

    cards: int
    characters: int

    def groups_of(self, sizes: Sequence[int]) -> int:
        """Into how many groups cards of these sizes go at least."""
        return max(_parts(len(sizes), self.cards), _parts(sum(sizes), self.characters))


def _parts(whole: int, part: int) -> int:
    return -(-whole // part)


@dataclass(slots=True)
class _Group:
    places: list[int] = field(default_factory=list)
    characters: int = 0


class _Grouping:
    """The cards that are in no group yet, by their places in order of their codes."""

    def __init__(self, cards: Sequence[CardInput], sizes: Sequence[int], bounds: Bounds) -> None:
        words = Words.of(cards)
        self.vectors = [words.vector(card_words(card)) for card in cards]
        self.sizes = sizes
        self.bounds = bounds
        # Even groups rather than full ones and a rest.
        count = bounds.groups_of(sizes)
        self.share = Bounds(
            cards=_parts(len(cards), count),
            characters=min(bounds.characters, _parts(sum(sizes), count) + max(sizes)),
        )
        self.left = dict.fromkeys(range(len(cards)))
        self.index: dict[str, list[int]] = defaultdict(list)
        for place, vector in enumerate(self.vectors):
            for word in vector:
                self.index[word].append(place)
        self.held = {word: len(places) for word, places in self.index.items()}
        self.central = [(self._off_centre(place), place) for place in self.left]
        heapq.heapify(self.central)

    def groups(self) -> list[_Group]:
        """All cards, each in one group."""
        found = []
        while self.left:
            found.append(self._next())
        return self._together(found)

    def _next(self) -> _Group:
        seed = self._most_central()
        core = self._nearest(self.vectors[seed])[: max(1, self.share.cards // _CORE)]
        direction = summed([self.vectors[place] for place in [seed, *core]], most=_DIRECTION_WORDS)
        group = _Group()
        self._take(group, [seed])
        self._take(group, self._nearest(direction))
        return group

    def _most_central(self) -> int:
        """The card left whose words most of the others have that are left, weighted.

        How central a card is only ever falls, so what was on top and still is, is it.
        """
        while True:
            _, place = heapq.heappop(self.central)
            if place not in self.left:
                continue
            now = (self._off_centre(place), place)
            if not self.central or now <= self.central[0]:
                return place
            heapq.heappush(self.central, now)

    def _off_centre(self, place: int) -> float:
        vector = self.vectors[place]
        return -sum([weight * self.held[word] for word, weight in vector.items()])

    def _nearest(self, direction: Vector) -> list[int]:
        """The cards left that are alike to it, the most alike first."""
        likeness: dict[int, float] = defaultdict(float)
        for word, weight in direction.items():
            for place in self.index.get(word, ()):
                if place in self.left:
                    likeness[place] += weight * self.vectors[place][word]
        alike = [place for place, value in likeness.items() if value >= _ALIKE]
        return sorted(alike, key=lambda place: (-likeness[place], place))

    def _take(self, group: _Group, places: Iterable[int]) -> None:
        """Move cards into the group, as far as there is room."""
        for place in places:
            if len(group.places) >= self.share.cards:
                return
            size = self.sizes[place]
            if group.places and group.characters + size > self.share.characters:
                continue
            group.places.append(place)
            group.characters += size
            del self.left[place]
            for word in self.vectors[place]:
                self.held[word] -= 1

    def _together(self, groups: list[_Group]) -> list[_Group]:
        """Small groups joined to those that they are most alike to and that have room, the
        smallest first, so that there are few."""
        directions = {
            id(group): summed([self.vectors[p] for p in group.places], most=_DIRECTION_WORDS)
            for group in groups
        }
        kept: list[_Group] = []
        by_size = sorted(groups, key=lambda group: (-len(group.places), group.places[0]))
        for group in by_size:
            rooms = [other for other in kept if self._has_room(other, group)]
            if not rooms:
                kept.append(group)
                continue
            direction = directions[id(group)]
            nearest = max(
                rooms,
                key=lambda other: (
                    cosine(directions[id(other)], direction),
                    -len(other.places),
                    -other.places[0],
                ),
            )
            nearest.places += group.places
            nearest.characters += group.characters
        return sorted(kept, key=lambda group: min(group.places))

    def _has_room(self, group: _Group, other: _Group) -> bool:
        return (
            len(group.places) + len(other.places) <= self.bounds.cards
            and group.characters + other.characters <= self.bounds.characters
        )


def in_order(cards: Iterable[CardInput]) -> list[CardInput]:
    """By their codes, shorter ones first: C2 before C10."""
    return sorted(cards, key=lambda card: (len(card.code), code_key(card.code), card.code))


def grouped(
    cards: Sequence[CardInput], sizes: Sequence[int], bounds: Bounds
) -> tuple[tuple[CardInput, ...], ...]:
    """Each card in exactly one group, cards and groups in order of their codes.

    Args:
        sizes: each card's characters in a prompt.
        bounds: of a group; a single card that is larger has a group of its own.
    """
    size_of = {card.code: size for card, size in zip(cards, sizes, strict=True)}
    ordered = in_order(cards)
    ordered_sizes = [size_of[card.code] for card in ordered]
    if bounds.groups_of(ordered_sizes) <= 1:
        return (tuple(ordered),) if ordered else ()
    groups = _Grouping(ordered, ordered_sizes, bounds).groups()
    return tuple(tuple(ordered[place] for place in sorted(group.places)) for group in groups)
