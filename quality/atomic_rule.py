"""Atomic: a story has one want. Finds where a second verb of the role is joined to the first.

There is no parser and there are no part-of-speech tags: a list of the verbs that stories use, and
the words around a conjunction, are right as often (docs/quality.md) and a hundred times as fast.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from quality.anatomy import Anatomy, Part
from quality.defects import Defect, story_span
from quality.text import word_set
from quality.verbs import (
    CONDITIONS,
    DETERMINERS,
    FILLERS,
    IRREGULAR_PARTICIPLES,
    KNOWING_VERBS,
    ONE_ACT,
    PLAIN_VERBS,
    SUBORDINATORS,
    VERBS,
)

#: A want is read up to here, so that no text takes long.
_MOST_WORDS = 300
_TOKEN = re.compile(r"and/or|[A-Za-z][\w'-]*|\d[\w.]*|[^\w\s]")
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\"[^\"]*\"")
_CONJUNCTIONS = frozenset({"and", "or", "and/or", "&", "plus", "then"})
_WANTING = frozenset({"want", "need", "expect", "wish", "would"})
_MODALS = frozenset({"can", "may", "should", "must", "will", "could"})
_BEING = frozenset({"be", "is", "are", "been", "being", "have", "get"})
_STOPS = frozenset({"", ",", ".", ";"})
_PARTICLES = frozenset({"for", "up", "in", "out", "off", "as", "to", "on"})
_AFTER_PARTICIPLE = _STOPS | word_set(
    "alongside at by from in into of on through to together via with within"
)
_AFTER_NOUN = frozenset({"of", "for", "in", "on", "and", "or"})


class Word(NamedTuple):
    """A word or sign, case folded, and where it stands in the story."""

    text: str
    start: int
    end: int


def words_of(part: Part) -> list[Word]:
    """Words and signs; what stands in brackets or quotes is no part of the sentence."""
    blanked = _ASIDE.sub(lambda aside: " " * len(aside[0]), part.text)
    return [
        Word(found[0].casefold(), part.start + found.start(), part.start + found.end())
        for found in _TOKEN.finditer(blanked)
    ]


def atomic_defects(text: str, words: Sequence[Word], parts: Anatomy) -> Iterator[Defect]:
    """The first place at which an English story joins a second want, of these words."""
    words = words[:_MOST_WORDS]
    want = _Want(texts=tuple([word.text for word in words]), is_infinitive=parts.is_infinitive)
    joint = want.joint()
    if joint is None:
        return
    span = story_span(text, words[joint[0]].start, words[joint[1]].end)
    yield Defect(
        criterion="atomic",
        kind="two_wants",
        severity="high",
        message=f'It joins two wants at "{span.text}".',
        suggestion="Keep one want, or write a story for each.",
        span=span,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Want:
    """The words of a want; `is_infinitive` says that it begins with a verb."""

    texts: Sequence[str]
    is_infinitive: bool

    def joint(self) -> tuple[int, int] | None:
        """The first and the last word of what joins a second want, or None."""
        for at, word in enumerate(self.texts):
            if word == "/":
                if self._slashed(at):
                    return at - 1, at + 1
                continue
            begin = self._behind(at)
            if begin is None:
                continue
            while self._word(begin) in FILLERS or self._word(begin) in {"to", ","}:
                begin += 1
            if begin < len(self.texts) and self._is_second(at, begin):
                return at, begin
        return None

    def _word(self, at: int) -> str:
        return self.texts[at] if 0 <= at < len(self.texts) else ""

    def _behind(self, at: int) -> int | None:
        """The word behind a conjunction that begins at `at`; None where none does."""
        if tuple(self.texts[at : at + 3]) == ("as", "well", "as"):
            return at + 3
        return at + 1 if self.texts[at] in _CONJUNCTIONS else None

    def _slashed(self, at: int) -> bool:
        """Whether a slash stands between two verbs: "import/export"."""
        pair = (self._word(at - 1), self._word(at + 1))
        leads = at == 1 or self._word(at - 2) == "to"
        verbs = VERBS.issuperset(pair) and pair not in ONE_ACT
        return verbs and leads and self.is_infinitive and not self._is_subordinate(at)

    def _is_subordinate(self, at: int) -> bool:
        """Whether another clause begins before the word; its verbs are not the role's."""
        return not SUBORDINATORS.isdisjoint(self.texts[1:at])

    def _is_second(self, at: int, begin: int) -> bool:
        """Whether the word at `begin`, behind the conjunction at `at`, begins another want."""
        word, after = self._word(begin), self._word(begin + 1)
        subordinate = self._is_subordinate(at)
        if word == "i":
            return after in _WANTING
        if word == "that":
            return self.texts[at] == "and" and "that" in self.texts[:at]
        if subordinate and self.texts[0] in KNOWING_VERBS:
            return False
        if self._joins_participles(at, begin):
            return CONDITIONS.isdisjoint(self.texts[:at])
        return not subordinate and self._joins_acts(at, begin)

    def _joins_participles(self, at: int, begin: int) -> bool:
        """Whether two things are to be done to one: "be recorded and displayed alongside"."""
        before, word, after = self.texts[:at], self._word(begin), self._word(begin + 1)
        if self.texts[at] != "and":
            return False
        if word in _MODALS and after == "be":
            return not _BEING.isdisjoint(before)
        being = next((place for place, text in enumerate(before) if text in _BEING), len(before))
        ends = after in _AFTER_PARTICIPLE
        return ends and _is_participle(word) and any(map(_is_participle, before[being + 1 :]))

    def _joins_acts(self, at: int, begin: int) -> bool:
        word, after = self._word(begin), self._word(begin + 1)
        if word not in VERBS:
            has = word == "have" and after in DETERMINERS
            return has or (word == "be" and _is_participle(after))
        if self._joins_verbs(at, word):
            return (self._word(at - 1), word) not in ONE_ACT
        if after in DETERMINERS or self._word(at - 1) in _PARTICLES:  # "search for and download"
            return True
        # "the read and edit views" names views.
        named = self._word(at - 1) in VERBS and self._word(at - 2) in DETERMINERS
        return not named and self._has_object(begin, filled=begin > at + 1)

    def _joins_verbs(self, at: int, word: str) -> bool:
        """Whether the conjunction stands right between two verbs of the role."""
        if self._word(at - 1) == ",":
            at -= 1
        if self._word(at - 1) not in VERBS:
            return False
        lead = at - 2
        while self._word(lead) in FILLERS or self._word(lead).endswith("ly"):
            lead -= 1
        if lead < 0:
            return self.is_infinitive
        listed = self._word(lead) == "," and self._word(lead - 1) in VERBS and word in VERBS
        return listed or self._word(lead) in {"to", "&", "and", "or"}

    def _has_object(self, begin: int, *, filled: bool) -> bool:
        """Whether a word that may be a noun as well is followed as a verb is."""
        word, after = self._word(begin), self._word(begin + 1)
        if after in _STOPS:
            return word in PLAIN_VERBS
        joined = after in _CONJUNCTIONS and self._word(begin + 2) in VERBS
        if after == "back" or joined:
            return True
        return after != "of" if word in PLAIN_VERBS else filled and after not in _AFTER_NOUN


def _is_participle(word: str) -> bool:
    return word in IRREGULAR_PARTICIPLES or (word.endswith("ed") and len(word) > 4)
