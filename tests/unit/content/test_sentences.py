"""Sentences that are put together from the parts of an answer, in each language with a frame."""

import pytest

from content.language import frame_of
from content.sentences import ENGLISH, Frame, title_of, with_article
from quality.reading import read

#: Language: (role, want, benefit, sentence).
STORIES = {
    "German": (
        "Leserin",
        "Bücher ausleihen",
        "ich zu Hause lernen kann",
        "Als Leserin möchte ich Bücher ausleihen, damit ich zu Hause lernen kann.",
    ),
    "fr": (
        "abonnée",
        "emprunter des livres",
        "d'apprendre chez moi",
        "En tant qu'abonnée, je veux emprunter des livres, afin d'apprendre chez moi.",
    ),
    "Spanish": (
        "lectora",
        "pedir libros",
        "que mi clase aprenda",
        "Como lectora, quiero pedir libros, para que mi clase aprenda.",
    ),
    "pt-BR": (
        "leitora",
        "pegar livros",
        "estudar em casa",
        "Como leitora, quero pegar livros, para estudar em casa.",
    ),
    "Dutch": (
        "lezer",
        "boeken lenen",
        "ik thuis kan leren",
        "Als lezer wil ik boeken lenen, zodat ik thuis kan leren.",
    ),
    "Italian": (
        "lettrice",
        "prendere libri",
        "da studiare a casa",
        "Come lettrice, voglio prendere libri, in modo da studiare a casa.",
    ),
    "English": (
        "Agency user",
        "to archive files",
        "I need not do it twice",
        "As an Agency user, I want to archive files, so that I need not do it twice.",
    ),
}


def frame(language: str) -> Frame:
    found = frame_of(language)
    assert found is not None
    return found


@pytest.mark.parametrize("language", STORIES)
def test_a_story_is_put_together_and_read_as_its_parts(language: str) -> None:
    role, want, benefit, sentence = STORIES[language]
    said = frame(language).story(role, want, benefit)
    assert said == sentence
    parts = read(said).parts
    assert parts.role.text == role
    assert parts.want.text == want.removeprefix("to ")
    assert benefit.endswith(parts.benefit.text)
    assert parts.benefit.text


@pytest.mark.parametrize("language", STORIES)
def test_a_model_is_told_the_sentence_that_is_made(language: str) -> None:
    shown = frame(language).shown
    assert shown["sentence"].endswith("BENEFIT.")
    made = frame(language).criterion_of("STARTING POINT|EVENT|RESULT")
    assert made == shown["criterion"]


@pytest.mark.parametrize("language", ["Finnish", "Japanese", "Swiss German", "tr"])
def test_other_languages_have_none(language: str) -> None:
    assert frame_of(language) is None


@pytest.mark.parametrize("language", ["", "en-GB", "British English"])
def test_a_project_without_a_language_means_english(language: str) -> None:
    assert frame_of(language) is ENGLISH


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (
            ("Reader", "I want to lend.", "so that I learn."),
            "As a Reader, I want to lend, so that I learn.",
        ),
        (("Reader", "to lend", ""), "As a Reader, I want to lend."),
        (("", "to lend", "I learn"), "I want to lend, so that I learn."),
        (("{0}", "to {x}", "I {}"), "As a {0}, I want to {x}, so that I {}."),
    ],
)
def test_words_that_stand_there_anyway_are_not_said_twice(
    parts: tuple[str, str, str], sentence: str
) -> None:
    assert ENGLISH.story(*parts) == sentence


def test_a_comma_stands_where_the_language_wants_one() -> None:
    said = frame("de").story("Leserin", "dass man mich mahnt", "ich zurückgebe")
    assert said == "Als Leserin möchte ich, dass man mich mahnt, damit ich zurückgebe."


def test_a_silent_h_elides_and_another_does_not() -> None:
    french = frame("fr")
    assert french.story("hôte", "lire", "").startswith("En tant qu'hôte, je veux lire")
    assert french.story("haut responsable", "lire", "").startswith("En tant que haut")
    assert french.criterion_of("il lit|il part|rien").startswith("Étant donné qu'il lit, quand")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a card|I pay|I go", "Given a card, when I pay, then I go."),
        ("Given a card. | when I pay, | then I go.", "Given a card, when I pay, then I go."),
        ("Given a card, when I pay, then I go.", "Given a card, when I pay, then I go."),
        ("a card|I pay", "a card|I pay"),
        ("a|b|c|d", "a|b|c|d"),
        ("a||c", "a||c"),
        ("{0}|{x}|{}", "Given {0}, when {x}, then {}."),
    ],
)
def test_a_criterion_is_put_together_of_three_clauses_alone(text: str, sentence: str) -> None:
    assert ENGLISH.criterion_of(text) == sentence


@pytest.mark.parametrize(
    ("noun", "named"),
    [
        ("user", "a user"),
        ("Agency user", "an Agency user"),
        ("NSF employee", "an NSF employee"),
        ("UI designer", "a UI designer"),
        ("the auditor", "the auditor"),
        ("A", "an A"),
        ("European buyer", "a European buyer"),
    ],
)
def test_articles_go_by_the_sound(noun: str, named: str) -> None:
    assert with_article(noun) == named


def test_a_title_is_the_want() -> None:
    assert title_of("to archive FABS files.") == "Archive FABS files"
    assert title_of("Bücher ausleihen") == "Bücher ausleihen"
    assert title_of("") == ""
