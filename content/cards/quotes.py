"""Find a quote in a text, however each of them writes white space, quotes, dashes and letters.

PDFs break words at the ends of lines, and have ligatures and hyphens that nobody sees; models
straighten quotes and dashes. So texts are compared by their letters, digits and signs alone.
"""

import re
import unicodedata
from functools import lru_cache

from epics.bounds import QUOTE_CHARS

#: Letters and digits of a quote; less is found anywhere.
_LEAST = 6
#: Of a quote with something left out, what is kept of it says more.
_LEAST_OF_PART = 15
_LEFT_OUT = re.compile(r"[\[(]?(?:\u2026|\.{3,})[\])]?")
_QUOTES = dict.fromkeys(
    map(
        ord,
        "\"'`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f"
        "\u00ab\u00bb\u2039\u203a\u2032\u2033\u300c\u300d",
    ),
    "",
)
_SENTENCE_ENDS = ".!?\u3002"
#: Categories of Unicode that are not compared: white space, controls, joiners, dashes.
_SILENT = ("Z", "C", "Pd")


class Levelled:
    """A text that quotes are looked for in."""

    def __init__(self, text: str) -> None:
        self._text = text
        keys = [_key_of(character) for character in text]
        self._key = "".join(keys)
        #: Of each character of the key, where it stands in the text.
        self._places = [place for place, key in enumerate(keys) for _ in key]

    def found(self, quote: str) -> str:
        """The quote in the text's own words, in one line; "" where it is not there.

        Of a quote that leaves something out, its longest part that is there.
        """
        whole = self._slice(quote, _LEAST)
        if whole:
            return whole
        parts = _LEFT_OUT.split(quote)
        found = [self._slice(part, _LEAST_OF_PART) for part in parts] if len(parts) > 1 else []
        return max(found, key=len, default="")

    def _slice(self, quote: str, least: int) -> str:
        key = _key(quote)
        if sum(map(str.isalnum, key)) < least:
            return ""
        at = self._key.find(key)
        if at < 0:
            return ""
        start, end = self._places[at], self._places[at + len(key) - 1] + 1
        words = self._text[self._word_start(start) : self._word_end(end)].split()
        return _within(" ".join(words))

    def _word_start(self, place: int) -> int:
        while place > 0 and self._text[place - 1].isalnum() and self._text[place].isalnum():
            place -= 1
        return place

    def _word_end(self, place: int) -> int:
        while place < len(self._text) and self._text[place - 1 : place + 1].isalnum():
            place += 1
        return place + (self._text[place : place + 1] in tuple(_SENTENCE_ENDS))


def _key(quote: str) -> str:
    """Comparable, from its first letter or digit to its last."""
    key = "".join(map(_key_of, quote))
    shown = [place for place, character in enumerate(key) if character.isalnum()]
    return key[shown[0] : shown[-1] + 1] if shown else ""


@lru_cache(maxsize=4096)
def _key_of(character: str) -> str:
    folded = unicodedata.normalize("NFKC", character).casefold().translate(_QUOTES)
    return "".join(c for c in folded if not unicodedata.category(c).startswith(_SILENT))


def _within(quote: str) -> str:
    """As much as is kept, to the end of a word."""
    if len(quote) <= QUOTE_CHARS:
        return quote
    head = quote[:QUOTE_CHARS]
    return head.rpartition(" ")[0] or head
