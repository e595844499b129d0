"""How much two texts are alike, by their signatures."""

import random

import pytest

from content.pages.likeness import SIGNATURE_CHARS, likeness, signature

_WORDS = [f"word{number}" for number in range(2_000)]


def _text(seed: int, *, words: int = 400) -> str:
    return " ".join(random.Random(seed).choices(_WORDS, k=words))


def _jaccard(first: str, second: str) -> float:
    ours, theirs = (
        {tuple(text.split()[at : at + 3]) for at in range(len(text.split()) - 2)}
        for text in (first, second)
    )
    return len(ours & theirs) / len(ours | theirs)


def test_a_text_is_like_itself_whatever_its_case_and_signs() -> None:
    text = _text(1)
    shouted = text.upper().replace(" ", ",  ")
    assert likeness(signature(text), signature(shouted)) == 1


@pytest.mark.parametrize("seed", range(5))
def test_other_texts_are_not_alike(seed: int) -> None:
    assert likeness(signature(_text(seed)), signature(_text(seed + 100))) < 0.05


@pytest.mark.parametrize("shared", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("seed", range(5))
def test_the_share_is_about_that_of_the_shingles(seed: int, shared: float) -> None:
    first, other = _text(seed).split(), _text(seed + 100).split()
    kept = round(len(first) * shared)
    second = " ".join([*first[:kept], *other[kept:]])
    told = likeness(signature(" ".join(first)), signature(second))
    assert told == pytest.approx(_jaccard(" ".join(first), second), abs=0.2)


def test_a_signature_is_bounded_and_short_texts_have_none() -> None:
    assert len(signature(_text(1, words=50_000))) == SIGNATURE_CHARS == 256
    assert signature("") == signature(_text(1, words=13)) == ""
    assert len(signature(_text(1, words=14))) == 64
    assert likeness("", signature(_text(1))) == 0
