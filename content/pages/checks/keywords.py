"""Which of a page's keywords its text has, in any form; pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from content.pages.checks.words import folded, word_keys
from content.pages.values import Passage


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """Keywords that stand nowhere, and how many of all do, 0 to 1; None of none."""

    missing: tuple[str, ...]
    share: float | None


def coverage(keywords: Sequence[str], passages: Iterable[Passage], tag: str) -> Coverage:
    """A keyword is there where one passage has all of its words, in any form and order, or has it
    letter for letter (in scripts without spaces between words)."""
    texts = [each.text for each in passages]
    places: defaultdict[str, set[int]] = defaultdict(set)
    for place, text in enumerate(texts):
        for key in word_keys(text, tag):
            places[key].add(place)
    whole = folded("\n".join(texts))
    missing = tuple(
        [each for each in keywords if folded(each) not in whole and not _stands(each, places, tag)]
    )
    share = (len(keywords) - len(missing)) / len(keywords) if keywords else None
    return Coverage(missing=missing, share=share)


def _stands(keyword: str, places: defaultdict[str, set[int]], tag: str) -> bool:
    wanted = set(word_keys(keyword, tag))
    return bool(wanted) and bool(set.intersection(*(places.get(key, set()) for key in wanted)))
