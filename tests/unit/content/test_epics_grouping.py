"""Groups of cards: each card once, within bounds, about the same, the same in any order."""

import random

import pytest

from content.epics.grouping import Bounds, grouped, in_order
from content.epics.prompts.lines import card_line
from content.epics.values import CardInput
from tests.unit.content.epic_samples import card, cards, topic_of

ROOMY = 10**9


def group(
    some: tuple[CardInput, ...], *, most: int = ROOMY, characters: int = ROOMY
) -> tuple[tuple[CardInput, ...], ...]:
    sizes = [len(card_line(one)) for one in some]
    return grouped(some, sizes, Bounds(cards=most, characters=characters))


def test_what_fits_is_one_group() -> None:
    assert group(cards(10)) == (cards(10),)


def test_of_nothing_there_are_no_groups() -> None:
    assert group(()) == ()


@pytest.mark.parametrize(("count", "most"), [(2, 1), (40, 12), (41, 40), (160, 17), (300, 7)])
def test_each_card_is_in_one_group_and_no_group_is_too_large(count: int, most: int) -> None:
    groups = group(cards(count), most=most)
    codes = [one.code for each in groups for one in each]
    assert sorted(codes) == sorted(one.code for one in cards(count))
    assert all(1 <= len(each) <= most for each in groups)


def test_no_group_has_more_characters_than_fit() -> None:
    some = tuple(card(n, statement="long " * (n % 50)) for n in range(1, 121))
    groups = group(some, characters=3_000)
    assert all(sum(len(card_line(one)) for one in each) <= 3_000 for each in groups)
    assert len(groups) < 2 * sum(len(card_line(one)) for one in some) / 3_000


def test_a_card_that_is_too_large_by_itself_has_a_group_of_its_own() -> None:
    huge = card(1, statement="long " * 200)
    groups = group((huge, *cards(9)[1:]), characters=500)
    assert (huge,) in groups


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_cards_come_changes_nothing(seed: int) -> None:
    shuffled = list(cards(120))
    random.Random(seed).shuffle(shuffled)
    assert group(tuple(shuffled), most=25) == group(cards(120), most=25)


def test_cards_about_the_same_are_together() -> None:
    groups = group(cards(80), most=25)
    assert [len({topic_of(one) for one in each}) for each in groups] == [1] * len(groups)


def test_cards_that_share_no_word_are_put_together_all_the_same() -> None:
    some = tuple(
        CardInput(
            id=str(n), code=f"C{n}", title=f"word{n}", persona="", statement="", problem=None,
            systems=(), themes=(),
        )
        for n in range(30)
    )  # fmt: skip
    groups = group(some, most=10)
    assert [len(each) for each in groups] == [10, 10, 10]


def test_a_theme_and_a_persona_tell_where_words_do_not() -> None:
    some = tuple(
        card(n, title="x", statement="", systems=(), themes=(("Money", "Rooms")[n % 2],))
        for n in range(40)
    )
    groups = group(some, most=20)
    assert [len({one.themes for one in each}) for each in groups] == [1, 1]


def test_codes_are_in_the_order_in_which_people_count() -> None:
    some = [card(n) for n in (10, 2, 1)]
    assert [one.code for one in in_order(some)] == ["C1", "C2", "C10"]
