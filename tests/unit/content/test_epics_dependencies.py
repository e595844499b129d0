"""Dependencies by titles, circles cut at their weakest, and the order in which to build."""

import random

import pytest

from content.epics.dependencies import build_order, cycle_in, named_places, without_circles
from tests.unit.content.epic_samples import epic


def test_titles_are_known_however_they_are_written() -> None:
    epics = [epic("1", "Lending"), epic("2", "Fines", dependencies=("lending.", "Fines", "Else"))]
    assert named_places(epics).of(epics[1]) == [0]


def test_a_circle_is_cut_where_the_less_urgent_would_come_first() -> None:
    epics = [epic("1", "A", priority=1), epic("2", "B", priority=2), epic("3", "C", priority=3)]
    graph, cut = without_circles(epics, {0: [2], 1: [0], 2: [1]})
    assert cut == [(0, 2)]
    assert graph == {0: [], 1: [0], 2: [1]}


def test_of_equals_the_two_with_the_least_in_common_are_parted() -> None:
    epics = [epic("1", "book loans"), epic("2", "book returns"), epic("3", "printing")]
    for each in epics:
        assert each.priority == 1
    _, cut = without_circles(
        [*epics[:2], epic("3", "printing", description="Colour copies.")], {0: [1], 1: [2], 2: [0]}
    )
    assert cut in ([(1, 2)], [(2, 0)])


@pytest.mark.parametrize("seed", range(20))
def test_whatever_depends_on_what_there_is_an_order(seed: int) -> None:
    choice = random.Random(seed)
    epics = [epic(str(n), f"Epic {n}", priority=choice.randint(1, 5)) for n in range(20)]
    graph = {at: choice.sample([x for x in range(20) if x != at], 4) for at in range(20)}
    kept, cut = without_circles(epics, graph)
    assert cycle_in(kept) is None
    assert sum(map(len, kept.values())) + len(cut) == 80
    order = build_order(epics, kept)
    assert sorted(order) == list(range(20))
    for at, before in kept.items():
        assert all(order.index(one) < order.index(at) for one in before)
    assert without_circles(epics, graph) == (kept, cut)


def test_without_dependencies_the_order_is_by_priority() -> None:
    epics = [epic("1", "A", priority=3), epic("2", "B", priority=1), epic("3", "C", priority=1)]
    assert build_order(epics, {0: [], 1: [], 2: []}) == [1, 2, 0]
