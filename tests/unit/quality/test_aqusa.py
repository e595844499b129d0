"""What AQUSA's own tests ask of a linter, as far as AQUSA passes them.

Three it fails itself: commas between the parts (layout, here), and two wants in the benefit (a gain
may be twofold). AQUSA: https://github.com/RELabUU/aqusa-core.
"""

from collections.abc import Sequence

from quality.defects import Defect, StoryText
from quality.linter import lint
from quality.reading import read

ADD = "I want to add a user story"
DOCUMENT = "so that I document a requirement"


def defects(*texts: str) -> list[Sequence[Defect]]:
    return [one.defects for one in lint([StoryText(user_story=text) for text in texts])]


def kinds(*texts: str) -> list[set[str]]:
    return [{defect.kind for defect in own} for own in defects(*texts)]


def test_a_story_is_taken_apart() -> None:
    parts = read(f"As a User, {ADD}, {DOCUMENT}").parts
    assert (parts.role.text, parts.want.text) == ("User", "add a user story")
    assert parts.benefit.text == "I document a requirement"


def test_to_be_able_is_to_want() -> None:
    assert defects(f"As a User, I'm able to add a user story, {DOCUMENT}") == [()]


def test_what_somebody_does_is_no_want() -> None:
    (found,) = kinds(f"As a User, I add a user story, {DOCUMENT}")
    assert "no_role_or_want" in found


def test_a_user_who_wants_is_no_role() -> None:
    ((first, *_),) = defects(f"User wants to add a user story, {DOCUMENT}")
    assert (first.kind, first.severity) == ("no_role_or_want", "high")


def test_identical_stories_are_named_both() -> None:
    text = f"As a User, {ADD}, {DOCUMENT} and sell the system"
    found = defects(text, text)
    assert [[(one.kind, one.severity) for one in own] for own in found] == [
        [("repeated", "high")],
        [("repeated", "high")],
    ]


def test_a_second_sentence_and_brackets_are_too_much() -> None:
    story = f"As a User, {ADD}, {DOCUMENT} and sell the system"
    assert kinds(f"{story}. This is extra info") == [{"extra_text"}]
    assert kinds(f"{story} (for money)") == [{"extra_text"}]


def test_the_odd_one_of_three_is_not_uniform() -> None:
    found = kinds(
        f"As a User, {ADD}, {DOCUMENT}",
        "As a User, I want to see a user story, so that I document another requirement",
        "As a User, I am able to sell a user story, so that I register a requirement",
    )
    assert found == [set(), set(), {"wording"}]


def test_two_acts_in_the_want_are_not_atomic() -> None:
    (found,) = kinds(f"As a User, {ADD} and sell the system, {DOCUMENT}")
    assert found == {"two_wants"}
    assert kinds(f"As a User, {ADD}, {DOCUMENT} and sell the system") == [set()]
