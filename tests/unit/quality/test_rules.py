"""What each rule finds, and what it leaves alone."""

import pytest

from quality.defects import StoryText
from quality.linter import Linted, is_english, lint
from quality.parsing import parse_english

GOOD_CRITERIA = (
    "Given a card, when it is shown, then maps are lent.",
    "At most 5 maps can be lent.",
)


def linted(text: str, **changes: object) -> Linted:
    story = StoryText(user_story=text, **changes)  # type: ignore[arg-type]  # the names are its own
    return lint([story])[0]


def found(text: str, **changes: object) -> list[tuple[str, str]]:
    return [(one.criterion, one.kind) for one in linted(text, **changes).defects]


def want(text: str) -> list[tuple[str, str]]:
    return found(f"As a Reader, I want {text}, so that I can learn at home.")


@pytest.mark.parametrize(
    "text",
    [
        "As a Reader, I want to borrow maps, so that I can learn.",
        "As an adult Reader I want to be able to see terms and conditions, so that I can decide.",
        "As a Reader, I want a list of maps and prints so that I save time",
        "As a Reader, I want import and export rules, so that files and scans match.",
        "As a Reader, I want to drag and drop maps, so that I can sort and keep the best ones.",
        "As a Reader, I don't want to see maps that are away, so that I save time.",
        "As a Reader, I want to log in using my name and password, so that nobody reads my list.",
        "As a Reader, I want to know when a map is lent and returned, so that I can plan.",
        "As a Reader, I want to see the read and edit views, so that I can compare them.",
        "As a Reader, I want to see the map(s) of v1.1, so that I can compare maps.",
        "As a Reader, I want to clear my list, so that I can begin anew.",
        "As a Reader, I want to correct my name, so that letters reach me.",
    ],
)
def test_good_stories_are_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Borrow maps", "no_role_or_want"),
        ("As a Reader", "no_role_or_want"),
        ("As a Reader, I want, so that I can learn.", "no_role_or_want"),
        ("I want to borrow maps, so that I can learn.", "no_role_or_want"),
        ("As a Reader, I want to borrow maps.", "no_benefit"),
        ("As a Reader, I want to borrow maps, so that .", "no_benefit"),
        ("As a Reader, would like to borrow maps, so that I can learn.", "fragment"),
        ("As a Reader, I want to the map of a town, so that I can learn.", "fragment"),
        ("As a Reader, borrow maps, so that I can learn.", "fragment"),
        ("As a Reader, I want to to borrow maps, so that I can learn.", "fragment"),
        ("As a Reader,", "fragment"),
        ("So that I can learn.", "fragment"),
        ("As a Reader, I want to borrow maps (and films), so that I can learn.", "extra_text"),
        ("As a Reader, I want to borrow maps, so that I learn. Films too.", "extra_text"),
        ("As a Reader, I want to lend maps, so that I win, so that I stay.", "extra_text"),
        ("As a Reader, I want to change maps, so that I can change the maps.", "no_rationale"),
        ("As a Reader, I want to lend maps, so that I want to sell them.", "no_rationale"),
        ("As a Reader, I want to be confident that maps exist, so that I can plan.", "no_feature"),
        ("As a Reader, I want to lend maps as in story 12, so that I can help.", "reference"),
        ("As a Reader, I want to lend TBD, so that I can help.", "placeholder"),
    ],
)
def test_the_sentence(text: str, kind: str) -> None:
    assert kind in [name for _, name in found(text)]


@pytest.mark.parametrize(
    "text",
    [
        "to add a map and delete the old one",
        "to lend maps and I want to sell maps",
        "to create or edit my list",
        "to create, update and delete maps",
        "to view and download maps",
        "to import/export maps",
        "to have a map be recorded in a list and displayed alongside it",
        "to lend maps and afterwards to print a bill",
        "maps to be lent and bills to be printed",
        "to have a map checked and its cover mended",
        "to see the maps that are in and lend one",
        "to lend maps; I also want to sell some",
        "to lend + sell maps",
        "to lend maps as well as sell them",
    ],
)
def test_two_wants_are_one_too_many(text: str) -> None:
    assert ("atomic", "two_wants") in want(text)


@pytest.mark.parametrize(
    ("text", "defect"),
    [
        ("to find maps easily", ("unambiguous", "vague")),
        ("to lend maps of the appropriate size", ("unambiguous", "vague")),
        ("to click a button that lends maps", ("problem_oriented", "solution")),
        ("to choose maps in a drop-down", ("problem_oriented", "solution")),
        ("to manage maps", ("estimatable", "coarse")),
        ("to have a lending system", ("estimatable", "coarse")),
    ],
)
def test_the_want(text: str, defect: tuple[str, str]) -> None:
    assert defect in want(text)


@pytest.mark.parametrize(
    ("criteria", "kinds"),
    [
        (("Given a card, when it is shown, then maps are lent.", "The list shows the map."), []),
        (("It must ask for a card.", "The page loads quickly, within 2 s."), []),
        (("The page loads quickly.", "The list shows the map."), ["not_testable"]),
        (
            ("Given a card, when it is shown, then it is user-friendly.", "Good maps"),
            ["not_testable"],
        ),
        (("Given an easy map, when I open it, then it is shown.", "It is lent."), []),
        (("The list shows the map.",), ["too_few"]),
        ((), ["too_few"]),
        (tuple(f"The list shows shelf {n}" for n in range(9)), ["too_many"]),
        (None, []),
    ],
)
def test_acceptance_criteria_are_counted_and_testable(
    criteria: tuple[str, ...] | None, kinds: list[str]
) -> None:
    text = "As a Reader, I want to borrow maps, so that I can learn."
    assert [kind for _, kind in found(text, acceptance_criteria=criteria)] == kinds


def test_the_role_is_the_persona() -> None:
    text = "As a Clerk, I want to lend maps, so that I can help."
    assert found(text, persona="Reader") == [("uniform", "role_differs")]
    assert found(text, persona="clerk") == []


def test_rules_about_english_wording_leave_other_languages_alone() -> None:
    german = StoryText(
        user_story="Als Leserin möchte ich Karten leihen, um zu lernen.",
        acceptance_criteria=("Die Karte ist schön.",),
    )
    (only,) = lint([german], english=False)
    assert [defect.kind for defect in only.defects] == ["too_few"]


@pytest.mark.parametrize(
    ("language", "english"),
    [
        ("", True),
        ("English", True),
        ("en", True),
        ("en-GB", True),
        ("EN_us", True),
        ("British English", True),
        ("English (UK)", True),
        ("German", False),
        ("Spanish", False),
        ("Englisch-Deutsch", False),
    ],
)
def test_english_is_told_by_its_name_or_its_code(language: str, english: bool) -> None:
    assert is_english(language) is english


def test_the_worst_comes_first_and_the_score_falls_with_severity() -> None:
    one = linted("As a Reader, I want to lend and sell maps easily (again).")
    assert [defect.severity for defect in one.defects] == ["high", "medium", "medium", "medium"]
    assert one.severe
    assert one.score == 0
    assert linted("As a Reader, I want a slider for maps, so that I can help.").score == 95


def test_a_span_is_the_text_that_it_names() -> None:
    text = "As a Reader, I want to find maps easily and sell the old ones, so that I win."
    for defect in linted(text).defects:
        assert defect.span is not None
        assert text[defect.span.start : defect.span.end] == defect.span.text
    assert {d.span.text for d in linted(text).defects if d.span} == {"easily", "and sell"}


def test_the_parts_of_a_story() -> None:
    text = "As a Reader, I want to borrow maps, so that I can learn."
    parts = parse_english(text, text.lower())
    assert (parts.role.text, parts.want.text, parts.benefit.text) == (
        "Reader",
        "borrow maps",
        "I can learn",
    )
    assert text[parts.want.start : parts.want.end] == "borrow maps"


@pytest.mark.parametrize(
    "piece",
    ["I want ", ", ", "and to also then ", "so that ", "as a ", "(", "and ", "/ ", ". ", "- x "],
)
def test_a_long_hostile_story_is_read_in_time(piece: str) -> None:
    """Linear, or this test runs into its timeout."""
    linted("As a " + piece * 20_000)
    linted("As a Reader, I want to " + piece * 20_000 + ", so that I win.")
