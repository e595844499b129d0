"""Words of a text, and forms of one word that count as the same; by language, for what is cheap.

English words have the stems of `quality.text`; of other languages that are known here the endings
of inflection are cut off; of any other language the first letters stand for a word.
"""

import unicodedata
from functools import lru_cache

from quality.text import stem, words_in

#: Longest first; what remains has at least 3 letters. Without accents: see `folded`.
_ENDINGS = {
    "de": ("ern", "em", "en", "er", "es", "e", "n", "s"),
    "nl": ("en", "er", "e", "s"),
    "fr": ("es", "s", "x", "e"),
    "es": ("os", "as", "es", "o", "a", "e", "s"),
    "pt": ("os", "as", "es", "o", "a", "e", "s"),
    "it": ("i", "e", "o", "a"),
    "sv": ("arna", "erna", "orna", "ar", "er", "or", "en", "et", "a", "e", "n", "s", "t"),
    "da": ("erne", "er", "en", "et", "e", "s"),
    "nb": ("ene", "er", "en", "et", "e", "a", "s"),
}
_LEAST_LETTERS = 3
#: Of words of other languages.
_FIRST_LETTERS = 5
_KEPT = 65_536


def folded(text: str) -> str:
    """Without case and accents, with plain spaces: Stühle and stuhle, straße and strasse."""
    if text.isascii():
        return " ".join(text.lower().split())
    parts = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join([each for each in parts if not unicodedata.combining(each)]).split())


def word_keys(text: str, tag: str) -> list[str]:
    """Of each word in order a key that its forms have in common.

    Args:
        tag: of the language, by two or three letters.
    """
    return [_key(word, tag) for word in words_in(folded(text))]


@lru_cache(maxsize=_KEPT)
def _key(word: str, tag: str) -> str:
    if tag == "en":
        return stem(word)
    if any(each.isdigit() for each in word):
        return word
    endings = _ENDINGS.get(tag)
    if endings is None:
        return word[:_FIRST_LETTERS]
    ending = next((each for each in endings if word.endswith(each)), "")
    if len(word) - len(ending) < _LEAST_LETTERS:
        return word
    return word[: len(word) - len(ending)]
