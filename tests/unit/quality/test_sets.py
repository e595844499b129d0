"""What stories are beside each other: unique, uniform, free of conflict, complete."""

import pytest

from quality.defects import StoryText
from quality.duplicates import alike_pairs, groups, want_of
from quality.linter import lint


def kinds(*wants: str, whole_product: bool = False) -> list[list[str]]:
    stories = [
        StoryText(user_story=f"As a Reader, I want {want}, so that I can learn at home.")
        for want in wants
    ]
    return [
        [defect.kind for defect in one.defects]
        for one in lint(stories, whole_product=whole_product)
    ]


def alike(one: str, other: str) -> bool:
    return bool(alike_pairs([one, other]))


def test_a_want_that_an_earlier_story_has_is_repeated_whoever_wants_it() -> None:
    stories = [
        StoryText(user_story=f"As a {role}, I want to lend maps, so that {gain}.")
        for role, gain in (("Reader", "I can learn"), ("Clerk", "I can help"))
    ]
    first, second = lint(stories)
    assert [(d.kind, d.severity) for d in first.defects] == [("repeated", "high")]
    assert [(d.kind, d.severity) for d in second.defects] == [("repeated", "high")]
    assert "story 2" in first.defects[0].message
    assert "story 1" in second.defects[0].message


def test_a_pair_is_named_on_both_stories_and_costs_the_later_one() -> None:
    first, second = lint([StoryText(user_story="As a Reader, I want maps, so that I win.")] * 2)
    assert (first.score, second.score) == (100, 60)
    assert first.severe


def test_a_title_that_an_earlier_story_has() -> None:
    stories = [
        StoryText(title="Lend.", user_story="As a Reader, I want to lend maps, so that I win."),
        StoryText(title="lend", user_story="As a Reader, I want to sell films, so that I win."),
    ]
    assert [d.kind for d in lint(stories)[1].defects] == ["same_title"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lend the maps of a town", "lend all maps of towns"),
        ("see the colour of maps", "see the color of maps"),
        ("organise the maps", "organize maps"),
        ("find lent maps by the name of a reader", "find lent maps by the name of a reader today"),
    ],
)
def test_wants_that_differ_in_wording_only_are_alike(one: str, other: str) -> None:
    assert alike(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("import data in json", "import data in excel"),
        ("accept zero for loan records", "accept zero for non loan records"),
        ("restrict a file from view", "restrict a group of files from view"),
        ("delete a dataset i have published", "delete any dataset published"),
        ("see the first 10 maps of a town today", "see the first 20 maps of a town today"),
        ("lend maps", "sell films"),
    ],
)
def test_wants_that_differ_in_a_thing_are_not_alike(one: str, other: str) -> None:
    assert not alike(one, other)


def test_groups_hang_together_by_pairs() -> None:
    wants = ["lend maps", "sell films", "lend map", "lend maps", "sell old films of towns"]
    pairs = alike_pairs(wants)
    assert [(pair.first, pair.second, pair.same) for pair in pairs] == [
        (0, 2, True),
        (0, 3, True),
    ]
    assert groups(pairs) == [(0, 2, 3)]


def test_nothing_alike_is_overlooked() -> None:
    """The prefix filter finds what comparing each with each finds."""
    words = ("lend", "sell", "map", "film", "town", "list", "name", "print")
    wants = [
        " ".join(words[(seed * step + offset) % len(words)] for offset in range(5))
        for seed in range(30)
        for step in (1, 3)
    ]
    found = {pair.second for pair in alike_pairs(wants)}
    expected = {
        later
        for later in range(len(wants))
        if any(alike(wants[earlier], wants[later]) for earlier in range(later))
    }
    assert found == expected


def test_a_want_is_compared_without_role_and_benefit() -> None:
    assert want_of("As a Reader,  I want to be able to lend Maps, so that I win.") == "lend maps"
    assert want_of("Maps!") == "maps"


def test_the_wording_of_more_than_half_is_the_template() -> None:
    like = [
        f"As a Reader, I would like to {want}, so that I win."
        for want in ("lend two maps", "sell six books", "print lists")
    ]
    odd = "As a Reader, I want to sell films, so that I win."
    first = "So that I win, as a Reader, I would like to see films."
    found = [
        [d.kind for d in one.defects]
        for one in lint([StoryText(user_story=text) for text in (*like, odd, first)])
    ]
    assert found == [[], [], [], ["wording"], ["template"]]
    few = lint([StoryText(user_story=text) for text in (like[0], odd)])
    assert [one.defects for one in few] == [(), ()]


def test_two_stories_that_contradict_each_other() -> None:
    assert kinds("to lend old maps", "to not lend old maps") == [["opposed"], ["opposed"]]


def test_what_is_changed_has_to_be_created_somewhere() -> None:
    found = kinds("to delete a map", "to add a film", "to edit a film", whole_product=True)
    assert found == [["missing_step"], [], []]
    assert kinds("to delete a map", "to add a film") == [[], []]


def test_a_role_of_signs_alone_is_no_name_of_a_role() -> None:
    roles = ("administrator", "?", "reader", "adminstrator")
    stories = [
        StoryText(user_story=f"As a {role}, I want to see map {number}, so that I win.")
        for number, role in enumerate(roles)
    ]
    kinds_of = [[defect.kind for defect in one.defects] for one in lint(stories)]
    assert ["role_differs" in found for found in kinds_of] == [False, False, False, True]
