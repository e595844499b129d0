"""How many epics are wanted, and whether one call can give them."""

import pytest

from content.epics.sizes import (
    CALL_CHARS,
    answer_tokens,
    cap_for,
    group_bounds,
    group_range,
    last_range,
    merged_range,
    one_call_range,
    wanted,
)
from content.epics.values import Range


def codes(count: int) -> list[str]:
    return [f"C{n}" for n in range(1, count + 1)]


@pytest.mark.parametrize(
    ("cards", "least", "most"), [(1, 1, 1), (4, 4, 4), (20, 5, 7), (100, 8, 12), (10_000, 13, 15)]
)
def test_by_default_five_to_fifteen_by_the_cards(cards: int, least: int, most: int) -> None:
    found = wanted(epic_count=None, cards=cards, kept=0, to_place=cards)
    assert found == Range(least=least, most=most)


@pytest.mark.parametrize(
    ("count", "kept", "to_place", "new"),
    [(8, 0, 50, 8), (8, 3, 50, 5), (8, 9, 50, 1), (8, 0, 3, 3)],
)
def test_a_given_number_counts_those_that_stay(
    count: int, kept: int, to_place: int, new: int
) -> None:
    found = wanted(epic_count=count, cards=60, kept=kept, to_place=to_place)
    assert found == Range(least=new, most=new)


class TestOneCall:
    def test_it_takes_what_fits_prompt_and_answer(self) -> None:
        epics = Range(least=8, most=12)
        assert one_call_range(codes(100), 40_000, epics, max_tokens=4000) == epics

    def test_it_writes_fewer_where_an_answer_has_less_room(self) -> None:
        found = one_call_range(codes(100), 40_000, Range(least=8, most=15), max_tokens=1800)
        assert found is not None
        assert 8 <= found.most < 15
        assert answer_tokens(codes(100), found.most) <= 0.9 * 2 * 1800

    def test_too_many_characters_are_for_groups(self) -> None:
        epics = Range(least=5, most=9)
        assert one_call_range(codes(60), CALL_CHARS + 1, epics, max_tokens=8000) is None

    def test_too_long_an_answer_is_for_groups(self) -> None:
        assert one_call_range(codes(60), 9_000, Range(least=60, most=60), max_tokens=4000) is None

    def test_codes_count_as_they_are_long(self) -> None:
        long = [f"{n:050}" for n in range(150)]
        assert one_call_range(long, 40_000, Range(least=8, most=8), max_tokens=2500) is None


@pytest.mark.parametrize("max_tokens", [200, 2000, 4000, 8000, 64_000])
@pytest.mark.parametrize(("count", "epics"), [(114, 9), (300, 60), (10_000, 15)])
def test_what_a_group_is_to_answer_fits(count: int, epics: int, max_tokens: int) -> None:
    all_codes = codes(count)
    asked = Range(least=epics, most=epics)
    bounds = group_bounds(all_codes, asked, max_tokens=max_tokens)
    assert bounds.cards >= 1
    groups = -(-count // bounds.cards)
    of_one = group_range(min(bounds.cards, count), count, asked, max_tokens=max_tokens)
    assert 1 <= of_one.least <= of_one.most
    if max_tokens >= 2000:
        assert of_one.most * groups >= epics
        tokens = answer_tokens(all_codes[-bounds.cards :], of_one.most)
        assert cap_for(tokens, max_tokens=max_tokens) <= max(2 * max_tokens, 4000)


def test_a_cap_is_the_runs_or_what_is_needed() -> None:
    assert cap_for(1_000, max_tokens=4000) == 4000
    assert cap_for(9_000, max_tokens=4000) == 10_000
    assert cap_for(90_000, max_tokens=4000) == 32_000
    assert cap_for(90_000, max_tokens=64_000) == 64_000


def test_each_level_of_merging_makes_less() -> None:
    for found in range(2, 200):
        assert merged_range(found).most <= found // 2
    assert merged_range(1) == Range(least=1, most=1)
    assert last_range(4, Range(least=8, most=12)) == Range(least=4, most=4)
