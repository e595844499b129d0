"""Role, want and benefit, wherever they stand, in seven languages."""

import pytest

from quality.reading import read

Parts = tuple[str, str, str]


def parts(text: str) -> Parts:
    found = read(text).parts
    return found.role.text, found.want.text, found.benefit.text


USUAL = ("Reader", "lend maps", "I can learn")


@pytest.mark.parametrize(
    "text",
    [
        "As a Reader, I want to lend maps, so that I can learn.",
        "As a Reader I want to lend maps so that I can learn",
        "as reader".title() + " I'd love to lend maps, so I can learn",
        "**As a** Reader, **I want** to lend maps, **so that** I can learn.",
        "### Maps\nAs a Reader\nI want to lend maps\nSo that I can learn",
        "- [ ] As a Reader, I must lend maps because I can learn.",
        "US-12: As a Reader, I am able to lend maps such that I can learn.",
        "I, as a Reader, want to lend maps, so that I can learn.",
        "So that I can learn, as a Reader, I want to lend maps.",
        "So that I can learn as a Reader I want to lend maps.",
        "When it rains, as a Reader, I shall lend maps, so that I can learn.",
        "As a Reader, I would like to be able to lend maps in order that I can learn.",
        "As a Reader, when it rains, I want to lend maps, so that I can learn.",
        "As a Reader, lend maps so that I can learn.",
    ],
)
def test_the_parts_wherever_they_stand(text: str) -> None:
    assert parts(text) == USUAL


@pytest.mark.parametrize(
    ("text", "benefit"),
    [
        ("As a Reader, I want maps, in order to learn.", "learn"),
        ("As a Reader, I want maps in order for my son to learn.", "my son to learn"),
        ("As a Reader, I want to hide my list, to avoid a party.", "a party"),
        ("As a Reader, I want to lend maps, so others can learn.", "others can learn"),
        ("As a Reader, I want to lend maps, allowing me to learn.", "me to learn"),
        ("As a Reader, I want to lend maps, which lets me learn.", "me learn"),
        ("As a Reader, I want to lend maps, for peace of mind.", "peace of mind"),
        ("In order to learn, as a Reader, I want maps.", "learn"),
        ("To avoid a fine, as a Reader, I want maps.", "avoid a fine"),
        ("As a Reader, I want a scanner to find maps.", ""),
        ("As a Reader, I want to avoid fines.", ""),
        ("As a Reader, I want quiet hours from 10 p.m. to 6 a.m.", ""),
    ],
)
def test_the_benefit(text: str, benefit: str) -> None:
    assert parts(text)[2] == benefit


@pytest.mark.parametrize(
    "text", ["As above, but for Readers.", "As a result, I want maps.", "Readers can lend maps."]
)
def test_what_is_no_role(text: str) -> None:
    assert parts(text)[0] == ""


def test_a_manager_of_it_is_one() -> None:
    assert parts("As an IT manager, I want maps.")[0] == "IT manager"


@pytest.mark.parametrize(
    ("opening", "negated"),
    [
        ("I want to", False),
        ("I do not want to", True),
        ("I never want to", True),
        ("I don't need to", True),
        ("I want not to", True),
    ],
)
def test_what_is_not_wanted(opening: str, negated: bool) -> None:
    assert read(f"As a Reader, {opening} lend maps.").parts.is_negated is negated


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        (
            "Als Leserin möchte ich Karten leihen, um zu lernen.",
            "de",
            ("Leserin", "Karten leihen", "zu lernen"),
        ),
        (
            "Damit ich lernen kann, möchte ich als Leser Karten leihen.",
            "de",
            ("Leser", "Karten leihen", "ich lernen kann"),
        ),
        (
            "En tant que lectrice, je veux emprunter une carte afin d'apprendre.",
            "fr",
            ("lectrice", "emprunter une carte", "apprendre"),
        ),
        (
            "Como lectora, quiero pedir un mapa para aprender.",
            "es",
            ("lectora", "pedir un mapa", "aprender"),
        ),
        (
            "Como leitora, gostaria de pedir um mapa, para que aprenda.",
            "pt",
            ("leitora", "pedir um mapa", "que aprenda"),
        ),
        (
            "Om te leren wil ik als lezer kaarten lenen.",
            "nl",
            ("lezer", "kaarten lenen", "te leren"),
        ),
        (
            "Come lettrice, vorrei prendere una mappa, così da imparare.",
            "it",
            ("lettrice", "prendere una mappa", "imparare"),
        ),
    ],
)
def test_other_languages(text: str, language: str, expected: Parts) -> None:
    assert parts(text) == expected
    assert read(text).parts.language == language


def test_a_language_that_is_not_read_has_no_parts() -> None:
    found = read("Jako czytelnik chcę pożyczać mapy, aby się uczyć.").parts
    assert (found.language, found.role.text) == ("", "")
