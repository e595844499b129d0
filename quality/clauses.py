"""The words of a want, and which clause each stands in."""

import re
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from quality import lexicon
from quality.text import word_set

_LEAST_ADVERB = 4
#: A want is read up to here, so that no text takes long.
MOST_WORDS = 300
_TOKEN = re.compile(r"and/or|[^\W_][\w'\u2019-]*(?:\.[\w'-]+)*|[^\w\s]")
#: What is in brackets or quotes is no part of the sentence.
_ASIDE = re.compile(
    r"\([^()]{0,300}\)|\[[^\[\]]{0,300}\]|\"[^\"]{1,300}\"|\u201c[^\u201d]{1,300}\u201d|"
    r"'[^']{1,60}'(?!\w)"
)
#: What an object begins with.
DETERMINERS = word_set(
    "a all an another any anyone anything both certain each either enough every everybody "
    "everyone everything existing last next few five four further her here him his how if it "
    "its itself many me more most multiple my myself nearby new no nobody none nothing old one "
    "ones other others our own several six some somebody someone something specific such that "
    "the their them themselves there these this those three to two us what when where whether "
    "which who whom why your"
)
CONDITIONS = word_set(
    "after although because before if once since though unless until when whenever whereas while"
)
RELATIVES = word_set("how that what where whether which who whom whose why")
PREPOSITIONS = word_set(
    "about across after against along alongside among around as at before below beside between "
    "by during for from in inside into near of off on onto out over per through to toward "
    "towards under until up via when with within without"
)
MODALS = word_set("can cannot could may might must shall should will would")
PRONOUNS = word_set("he i it one she they we who you")
#: These open a phrase as easily as a clause.
_PREPOSITIONS_TOO = word_set("after before since until")
_BEING = word_set("am are did does had has is was were")
_HELPING = word_set("help helps let lets letting make makes helping making helped")


class Clause(NamedTuple):
    """A clause within a want: what opens it, where, and the form that its verbs have.

    `kind` is purpose, relative, condition or gerund; `form` is base, finite or helped.
    """

    kind: str
    start: int
    form: str


def words_of(low: str) -> list[str]:
    """Words and signs of a part of a story in lower case; brackets and quotes are left out."""
    return _TOKEN.findall(without_asides(low))[:MOST_WORDS]


def span_of_words(low: str, first: int, last: int) -> tuple[int, int]:
    """Where the words with these places stand."""
    found = list(islice(_TOKEN.finditer(without_asides(low)), last + 1))
    return found[first].start(), found[last].end()


def without_asides(low: str) -> str:
    """With spaces for what stands in brackets and quotes."""
    if "(" in low or "[" in low or '"' in low or "\u201c" in low or "'" in low:
        return _ASIDE.sub(lambda aside: " " * len(aside[0]), low)
    return low


def clause_before(texts: Sequence[str], main: int, at: int, *, agent: bool) -> Clause | None:
    """The innermost clause that stands open before a conjunction; None: the want's own.

    Args:
        main: the place of the want's own verb; its "to" opens no clause.
        agent: whether somebody's "to" is the want itself: "the system to send".
    """
    found: Clause | None = None
    for place in range(main + 1, at):
        word = texts[place]
        if word in (";", ":"):
            found = None
        elif word == "to":
            if leads_a_verb(texts, place) and not (agent and found is None):
                found = Clause("purpose", place, "base")
        elif word in CONDITIONS and _opens_a_clause(texts, place, at):
            found = Clause("condition", place, _form(texts, place, at))
        elif word in RELATIVES and not _is_demonstrative(texts, place):
            found = Clause("relative", place, _form(texts, place, at))
    return found


def leads_a_verb(texts: Sequence[str], place: int) -> bool:
    """Whether a verb follows "to", perhaps behind an adverb."""
    behind = texts[place + 1 : place + 3]
    while behind and is_adverb(behind[0]):
        behind = behind[1:]
    return bool(behind) and lexicon.is_verb(behind[0])


def is_adverb(word: str) -> bool:
    """Whether a word says how."""
    return word.endswith("ly") and len(word) > _LEAST_ADVERB and not lexicon.is_verb(word)


def _opens_a_clause(texts: Sequence[str], place: int, end: int) -> bool:
    """Whether there is a verb behind it: not in "before the end", "after paying"."""
    if texts[place] not in _PREPOSITIONS_TOO:
        return True
    between = texts[place + 1 : end]
    return (
        not _BEING.isdisjoint(between)
        or not MODALS.isdisjoint(between)
        or not PRONOUNS.isdisjoint(between)
        or any(lexicon.is_finite(word) and not lexicon.is_verb(word) for word in between[1:])
    )


def _is_demonstrative(texts: Sequence[str], place: int) -> bool:
    """Whether "that" points at a thing: "close that file"."""
    if texts[place] != "that" or place == 0:
        return False
    before = texts[place - 1]
    after_verb = lexicon.is_hardly_else(before) and not lexicon.is_finite(texts[place + 1])
    return after_verb or before in PREPOSITIONS


def _form(texts: Sequence[str], start: int, end: int) -> str:
    """The form of a clause's verbs, by which a verb behind it can belong to it or not."""
    between = texts[start + 1 : end]
    if not MODALS.isdisjoint(between) or not _HELPING.isdisjoint(between):
        return "helped"
    if "to" in between and texts[start] in RELATIVES and between[0] == "to":
        return "base"
    for place, word in enumerate(between):
        if word in _BEING or (place and word.endswith("ed") and lexicon.of_participle(word)):
            return "finite"
        if lexicon.is_finite(word) and not lexicon.is_verb(word) and not _is_plural(between, place):
            return "finite"
        if word in PRONOUNS or (place == 0 and lexicon.is_verb(word)):
            after = between[place + 1] if place + 1 < len(between) else ""
            return "base" if lexicon.is_verb(word) or lexicon.is_verb(after) else "finite"
    return "base"


def _is_plural(words: Sequence[str], place: int) -> bool:
    """Whether a form in -s is more likely things than somebody's doing."""
    word = words[place]
    if not word.endswith("s") or not lexicon.is_noun(lexicon.base_of(word)):
        return False
    return place > 0 and words[place - 1] not in {"who", "that", "which", "it", "he", "she"}
