"""Text on one line, made comparable, cut into words."""

import re
from collections.abc import Iterable
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
_NO_WORD = re.compile(r"\W")
#: A letter or digit; Hangul's fillers count as letters and show as nothing.
_SEEN_LETTER = re.compile(r"[^\W\u115f\u1160\u3164\uffa0]")
#: Markdown, and how lines end: layout, which says nothing.
_SIGNS = re.compile(r"[*`#_\t\n\r\u2018-\u201f]")
_MARKUP = re.compile(r"[*`#\t\n\r]|(?<!\w)_+|_+(?!\w)")
#: Bytes, with a space for each that is no letter, digit or low line.
_NO_SIGNS = bytes(
    code if chr(code).isalnum() or code == ord("_") else 32 for code in range(128)
) + bytes(128)
#: What is no sign, and a comma, which every story has.
_COMMON = bytes(code for code in range(128) if chr(code).isalnum() or chr(code) in " ,")
_COMMON_CHARS = re.compile(r"[^\W_]|[ ,]")
#: The signs of a text in which nothing but words and commas can tell anything.
PLAIN_SIGNS = frozenset({"", "."})
_KEPT_STEMS = 65_536


def one_line(text: str) -> str:
    """Without unwanted characters, whitespace runs as one space, quotes plain."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")
    cleaned = " ".join(text.split())
    if cleaned.isascii() and cleaned.isprintable():
        return cleaned
    # Again: what was taken out may have stood between two spaces.
    return " ".join(_UNWANTED.sub("", cleaned).translate(_PLAIN_QUOTES).split())


def lines(text: str) -> str:
    """Its lines as they are, without unwanted characters."""
    return "\n".join([_UNWANTED.sub("", line) for line in text.splitlines()])


def plain(text: str) -> str:
    """With plain quotes and spaces for Markdown and line ends; words stand where they stood."""
    if not _SIGNS.search(text):
        return text
    return _MARKUP.sub(_as_spaces, text.translate(_PLAIN_QUOTES))


def _as_spaces(found: re.Match[str]) -> str:
    return " " * len(found[0])


def lowered(text: str) -> str:
    """In lower case, every word where it stood."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(map(_lowered_sign, text))


def _lowered_sign(sign: str) -> str:
    lower = sign.lower()
    return lower if len(lower) == 1 else sign


def comparable(text: str) -> str:
    """Words only, case folded: equal for texts that differ in case, spaces or punctuation."""
    return " ".join(words_in(text.casefold()))


def has_words(text: str) -> bool:
    """Whether anything is left to read."""
    return _SEEN_LETTER.search(text) is not None


def without_signs(text: str) -> str:
    """With a space for every sign; words stand where they stood."""
    if text.isascii():  # the same, four times as fast
        return text.encode().translate(_NO_SIGNS).decode()
    return _NO_WORD.sub(" ", text)


def rare_signs(text: str) -> str:
    """Its signs other than commas, and line ends and tabs, in their order."""
    if text.isascii():
        return text.encode().translate(None, _COMMON).decode()
    return _COMMON_CHARS.sub("", text)


def words_in(low: str) -> list[str]:
    """The words of a text in lower case, without signs."""
    return without_signs(low).split()


def content_stems(words: Iterable[str]) -> list[str]:
    """The stems of those words in lower case that carry meaning, in order."""
    return [stem(word) for word in words if word not in EMPTY_WORDS]


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
    if len(word) > 3 and word[-1] == word[-2]:  # capped and cap
        word = word[:-1]
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
#: Words that carry no meaning of their own.
EMPTY_WORDS = word_set(
    "a able ability all an and are as at be been being but by can could do does each every for "
    "from has have having i if in into is it its like me my need of on or our so some that the "
    "their them then there these they this those to up want was we were when which while who "
    "will with within would you your"
)
#: Whether a word is one of them.
is_empty_word = EMPTY_WORDS.__contains__
