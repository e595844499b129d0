"""Superlatives and absolute claims by language, as `claims.toml` lists them."""

import tomllib
from pathlib import Path

from content.pages.checks.phrases import Phrase, phrase_of
from content.pages.checks.words import folded

_LISTED: dict[str, dict[str, list[str]]] = tomllib.loads(
    (Path(__file__).parent / "claims.toml").read_text(encoding="utf-8")
)


def _phrases(listed: list[str]) -> list[Phrase]:
    return [phrase_of(each, folded) for each in listed]


#: {language: {claim: whether it is hard}}; others are often meant harmlessly.
CLAIMS: dict[str, dict[Phrase, bool]] = {
    tag: dict.fromkeys(_phrases(listed["hard"]), True)
    | dict.fromkeys(_phrases(listed["soft"]), False)
    for tag, listed in _LISTED.items()
}
#: {language: claims with a word more, which makes them none}
HARMLESS: dict[str, frozenset[Phrase]] = {
    tag: frozenset(_phrases(listed["harmless"])) for tag, listed in _LISTED.items()
}
