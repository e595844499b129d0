"""Phrases of whole words in a text; pure, in one pass over it."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
Phrase = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A phrase in a text: characters `start` to `end`, and the words around it."""

    phrase: Phrase
    start: int
    end: int
    before: str = ""
    behind: str = ""


def phrase_of(text: str, fold: Callable[[str], str]) -> Phrase:
    """The words of a text, each folded."""
    return tuple([fold(word) for word in _WORD.findall(text)])


def phrases_in(
    text: str, phrases: Collection[Phrase], fold: Callable[[str], str]
) -> Iterator[Found]:
    """Which of these phrases stand in a text: the longest at each place, then on behind it.

    Args:
        fold: makes a word comparable; the phrases are of such words.
    """
    lengths: defaultdict[str, set[int]] = defaultdict(set)
    for each in phrases:
        if each:
            lengths[each[0]].add(len(each))
    words = list(_WORD.finditer(text))
    said = [fold(word[0]) for word in words]
    at = 0
    while at < len(words):
        fitting = sorted(lengths.get(said[at], ()), reverse=True)
        here = (tuple(said[at : at + many]) for many in fitting)
        phrase = next((each for each in here if each in phrases), ())
        if phrase:
            end = at + len(phrase)
            yield Found(
                phrase=phrase,
                start=words[at].start(),
                end=words[end - 1].end(),
                before=said[at - 1] if at else "",
                behind=said[end] if end < len(said) else "",
            )
        at += max(1, len(phrase))
