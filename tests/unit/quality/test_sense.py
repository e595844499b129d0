"""What a story says: too much, too little, too vaguely, too coarsely, or how it is built."""

import pytest

from quality.defects import StoryText
from quality.linter import lint


def kinds(text: str, *, given: tuple[str, ...] = ()) -> list[str]:
    (one,) = lint([StoryText(user_story=text)], given=given)
    return [defect.kind for defect in one.defects]


def want(text: str, *, given: tuple[str, ...] = ()) -> list[str]:
    return kinds(f"As a Reader, I want {text}, so that I can learn at home.", given=given)


@pytest.mark.parametrize(
    "text",
    [
        "to see Dr. Smith's list",
        "to see the price in U.S. dollars",
        "to be warned approx. 1 km before the turn",
        "Miller Ltd. and its branches to be listed",
        "to begin at 3 a.m. on weekdays",
        "my place from the Global Positioning System (GPS)",
        "the weight in kilograms (kg)",
        "to print the map(s) of v2.0",
        "to search by paper, e.g. vellum",
        "to answer in Mrs. J. R. Hale's name",
    ],
)
def test_what_ends_no_sentence_is_no_extra_text(text: str) -> None:
    assert want(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "As a Reader, I want maps, so that I win. The list shows the town first.",
        "As a Reader, I want maps (or any other print), so that I win.",
        "As a Reader, I want maps, so that I win. NB: ask the town.",
        "Note: the town pays. As a Reader, I want maps, so that I win.",
        "As a Reader, I want maps - the old ones were lost - so that I win.",
        "As a Reader, I want to begin at 3 a.m. Nobody is up then.",
        "So that I win, as a Reader, I want maps, because I lost mine.",
    ],
)
def test_what_is_said_beyond_the_parts(text: str) -> None:
    assert "extra_text" in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "As a Reader, I want to see XX maps, so that I win.",
        "As a Reader, I want maps of t.b.d. towns, so that I win.",
        "As a Reader, I want maps (number to be confirmed), so that I win.",
        "As a Reader, I want maps, so that ???",
        "As a Reader, I want <something>, so that I win.",
        "As a Reader, I want N/A, so that I win.",
        "As a Reader, I want maps, so that ...",
    ],
)
def test_placeholders(text: str) -> None:
    assert "placeholder" in kinds(text)
    assert "no_benefit" not in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "to see Hall XX on a map",
        "finds of the XX century",
        "maps that were not confirmed in one list",
    ],
)
def test_names_and_topics_are_no_placeholders(text: str) -> None:
    assert want(text) == []


@pytest.mark.parametrize(
    "text", ["the same as in story 3", "to lend maps as in US-17", "to see the maps named before"]
)
def test_references(text: str) -> None:
    assert "reference" in want(text)


def test_a_storys_own_key_and_a_standards_name_are_no_references() -> None:
    assert kinds("BOAT-7: As a Reader, I want files in UTF-8, so that I can learn.") == []


@pytest.mark.parametrize(
    ("text", "coarse"),
    [
        ("a marketplace for old maps", True),
        ("to run my whole shop", True),
        ("to manage maps", True),
        ("an OpenMaps integration", True),
        ("the complete bookkeeping to be done", True),
        ("to manage who gets a map", False),
        ("to search a name in the whole book", False),
        ("a list of maps", False),
    ],
)
def test_what_nobody_can_estimate(text: str, coarse: bool) -> None:
    assert ("coarse" in want(text)) is coarse


@pytest.mark.parametrize(
    ("text", "solution"),
    [
        ("a green button in the top right corner", True),
        ("loans kept in PostgreSQL", True),
        ("to lend maps with one click", False),
        ("to take over the list from my Kafka account", False),
        ("a plan of the metro", False),
    ],
)
def test_how_it_is_built(text: str, solution: bool) -> None:
    assert ("solution" in want(text)) is solution


def test_what_the_input_names_is_no_solution() -> None:
    assert want("loans kept in PostgreSQL", given=("All data is in PostgreSQL.",)) == []


@pytest.mark.parametrize(
    ("text", "vague"),
    [
        ("to see maps and so on", True),
        ("to be told as soon as possible", True),
        ("to see fast chargers", False),
        ("to clear my list", False),
    ],
)
def test_vague_words(text: str, vague: bool) -> None:
    assert ("vague" in want(text)) is vague


def test_a_benefit_that_says_the_want_again_in_another_form() -> None:
    assert kinds("As a Reader, I want to withdraw a map, so that it is withdrawn.") == [
        "no_rationale"
    ]
