"""Which words are verbs, and where sentences end."""

import subprocess
import sys

import pytest

from quality import lexicon
from quality.sentences import sentence_starts


@pytest.mark.parametrize(
    "word", ["lend", "order", "be", "rebook", "upvote", "unpublish", "tokenize"]
)
def test_verbs_of_the_lexicon_and_those_that_it_lacks(word: str) -> None:
    assert lexicon.is_verb(word)


@pytest.mark.parametrize("word", ["roses", "income", "recipe", "the", "", "uns", "qwertz"])
def test_what_is_no_verb(word: str) -> None:
    assert not lexicon.is_verb(word)


def test_verbs_that_are_hardly_anything_else() -> None:
    assert lexicon.is_hardly_else("remind")
    assert lexicon.is_hardly_else("find")  # "a find" is in the dictionary and in no story
    assert not lexicon.is_hardly_else("order")
    assert not lexicon.is_hardly_else("clean")


def test_forms_of_verbs() -> None:
    assert lexicon.of_participle("shown") == "show"
    assert lexicon.of_participle("rebooked") == "rebook"
    assert lexicon.of_participle("red") == ""
    assert lexicon.of_gerund("tracing") == "trace"
    assert lexicon.base_of("withdrawn") == "withdraw"
    assert lexicon.base_of("map") == "map"


def test_the_lexicon_is_read_without_its_code() -> None:
    code = (
        "import sys; from quality import lexicon; assert lexicon.is_verb('lend'); "
        "sys.exit('numpy' in sys.modules or 'lemminflect' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("Print Dr. Smith's list for the U.S. office by 6 p.m. on weekdays.", ""),
        ("Warn me approx. 1 km before the turn, incl. detours.", ""),
        ("Open files of v1.9 and 3.5 mm, e.g. plans.", ""),
        ("Quiet hours end at 6 a.m. Nobody is woken.", "Nobody is woken."),
        ("Show the stops. The list is short.", "The list is short."),
        ("show the articles. not another teaser", "not another teaser"),
        ("Ask why? Then go.", "Then go."),
    ],
)
def test_where_the_second_sentence_begins(text: str, second: str) -> None:
    starts = sentence_starts(text)
    assert (text[starts[0] :] if starts else "") == second
