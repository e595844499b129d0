"""Text as it should be stored and compared: no control characters, plain spaces and quotes."""

import re

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
ELLIPSIS = "…"


def one_line(text: str) -> str:
    """Without unwanted characters, whitespace runs as one space, quotes plain."""
    cleaned = " ".join(text.split())
    if cleaned.isascii() and cleaned.isprintable():
        return cleaned
    # Again: what was taken out may have stood between two spaces.
    return " ".join(_UNWANTED.sub("", cleaned).translate(_PLAIN_QUOTES).split())


def paragraphs(text: str) -> str:
    """The same line by line; empty lines are dropped."""
    lines = (one_line(line) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def comparable(text: str) -> str:
    """Words only, case folded: equal for texts that differ in case, spaces or punctuation."""
    return " ".join(_WORDS.findall(text.casefold()))


def has_words(text: str) -> bool:
    """Whether anything is left to read."""
    return _WORDS.search(text) is not None


def shortened(text: str, max_chars: int) -> str:
    """At most `max_chars`, cut at a word where one ends near, the cut shown by an ellipsis."""
    if len(text) <= max_chars:
        return text
    head = text[: max(max_chars - 1, 0)]
    at_word = head.rfind(" ", len(head) * 2 // 3)
    return (head[:at_word] if at_word > 0 else head).rstrip() + ELLIPSIS
