"""Superlatives and absolute claims by language, as `claims.toml` lists them."""

import tomllib
from functools import cache
from pathlib import Path

from content.pages.checks.phrases import Phrase, phrase_of
from content.pages.checks.words import folded


@cache
def claims(tag: str) -> dict[Phrase, bool]:
    """{claim: whether it is hard} of a language; others are often meant harmlessly."""
    return dict.fromkeys(_phrases(tag, "hard"), True) | dict.fromkeys(_phrases(tag, "soft"), False)


@cache
def harmless(tag: str) -> frozenset[Phrase]:
    """A language's claims with a word more, which makes them none."""
    return frozenset(_phrases(tag, "harmless"))


def _phrases(tag: str, what: str) -> list[Phrase]:
    return [phrase_of(each, folded) for each in _listed().get(tag, {}).get(what, ())]


@cache
def _listed() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((Path(__file__).parent / "claims.toml").read_text(encoding="utf-8"))
