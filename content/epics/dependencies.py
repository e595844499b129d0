"""Which epics come before which: from the titles that answers name to an order without circles.

Pure, and the same for the same epics.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from content.epics.likeness import cosine, text_words, unit
from content.epics.values import Epic
from quality.text import comparable

#: {an epic's place: the places of those that come before it}
Graph = Mapping[int, Sequence[int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """Places of epics by their titles, and by the refs of an answer."""

    places: Mapping[str, int]

    def place(self, name: str) -> int | None:
        """Of the epic that has this title."""
        return self.places.get(comparable(name))

    def of(self, epic: Epic) -> list[int]:
        """The places that an epic depends on, each once, without its own."""
        found = (self.place(name) for name in epic.dependencies)
        own = self.place(epic.title)
        return list(dict.fromkeys(at for at in found if at is not None and at != own))


def named_places(epics: Sequence[Epic]) -> Names:
    """Of equal titles the first counts."""
    places: dict[str, int] = {}
    for at, epic in enumerate(epics):
        places.setdefault(comparable(epic.title), at)
    return Names(places=places)


def cycle_in(graph: Graph) -> list[int] | None:
    """A circle of places, each depending on the next, or None."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[int] = list(reversed(error.args[1]))
        return circle[:-1]
    return None


def without_circles(
    epics: Sequence[Epic], graph: Graph
) -> tuple[dict[int, list[int]], list[tuple[int, int]]]:
    """The dependencies without the weakest of each circle, and those that went.

    The weakest says that the less urgent epic comes first; of equals the one whose two epics have
    the least in common; of those the last.
    """
    kept = {at: list(before) for at, before in graph.items()}
    cut: list[tuple[int, int]] = []
    while circle := cycle_in(kept):
        edges = zip(circle, [*circle[1:], circle[0]], strict=True)
        at, before = min(edges, key=lambda edge: _strength(epics, *edge))
        kept[at].remove(before)
        cut.append((at, before))
    return kept, cut


def _strength(epics: Sequence[Epic], at: int, before: int) -> tuple[float, ...]:
    one, other = epics[at], epics[before]
    return one.priority - other.priority, _common(one, other), -at, -before


def _common(one: Epic, other: Epic) -> float:
    words = [unit(text_words(epic.title, epic.theme, epic.description)) for epic in (one, other)]
    return cosine(*words)


def build_order(epics: Sequence[Epic], graph: Graph) -> list[int]:
    """The places in the order in which to build: what others depend on first, then by priority.

    Raises:
        CycleError: there is a circle.
    """
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    ready: list[tuple[int, int]] = []
    order: list[int] = []
    while sorter.is_active():
        for at in sorter.get_ready():
            heapq.heappush(ready, (epics[at].priority, at))
        _, at = heapq.heappop(ready)
        order.append(at)
        sorter.done(at)
    return order
