"""Text on one line, made comparable, cut into words."""

import re
from functools import lru_cache

#: C0 and C1 controls (but tab and line feed), surrogates, zero-width and byte-order marks,
#: bidirectional overrides. Joiners and the left-to-right and right-to-left marks stay: emoji
#: and real scripts need them.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\u200b\u202a-\u202e\u2066-\u2069\ufeff]"
)
_PLAIN_QUOTES = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"'}
)
_WORDS = re.compile(r"\w+")
_KEPT_STEMS = 65_536


def one_line(text: str) -> str:
    """Without unwanted characters, whitespace runs as one space, quotes plain."""
    cleaned = " ".join(text.split())
    if cleaned.isascii() and cleaned.isprintable():
        return cleaned
    # Again: what was taken out may have stood between two spaces.
    return " ".join(_UNWANTED.sub("", cleaned).translate(_PLAIN_QUOTES).split())


def comparable(text: str) -> str:
    """Words only, case folded: equal for texts that differ in case, spaces or punctuation."""
    return " ".join(_WORDS.findall(text.casefold()))


def has_words(text: str) -> bool:
    """Whether anything is left to read."""
    return _WORDS.search(text) is not None


def content_stems(text: str) -> list[str]:
    """The stems of the words that carry meaning, in order."""
    return [stem(word) for word in comparable(text).split() if word not in _EMPTY_WORDS]


def word_set(text: str) -> frozenset[str]:
    """The words of a list that is written as one text."""
    return frozenset(text.split())


@lru_cache(maxsize=_KEPT_STEMS)
def stem(word: str) -> str:
    """Equal for the forms of most English words: file and files, create and creating, organise
    and organize."""
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + instead
            break
    word = word.removesuffix("e").replace("our", "or")
    return f"{word[:-1]}z" if word.endswith("is") and len(word) > 5 else word


_ENDINGS = (
    ("ies", "y"),
    ("sses", "ss"),
    ("ing", ""),
    ("ied", "y"),
    ("ed", ""),
    ("ss", "ss"),
    ("us", "us"),
    ("s", ""),
)
_EMPTY_WORDS = word_set(
    "a able ability all an and are as at be been being but by can could do does each every for "
    "from has have having i if in into is it its like me my need of on or our so some that the "
    "their them then there these they this those to up want was we were when which while who "
    "will with within would you your"
)
