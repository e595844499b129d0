"""A story as the rules read it: its text, its parts and its words, each found once."""

from typing import NamedTuple

from quality.languages import parse_story
from quality.parsed_story import ParsedStory
from quality.text import lowered, plain, words_in

#: Vowels and signs of number that end the forms of a word in the other languages.
_ENDINGS = "aeiosu"


class Reading(NamedTuple):
    """`text` is without Markdown, `low` in lower case; every character stands where it stood.

    `words` are those of the whole story, `want_words` those of its want.
    """

    text: str
    low: str
    parts: ParsedStory
    words: tuple[str, ...]
    want_words: tuple[str, ...]

    @property
    def want(self) -> str:
        """The want, comparable with those of other stories; the whole story where it has none."""
        words = self.want_words or self.words
        if self.parts.language not in {"", "en"}:
            words = tuple([word.rstrip(_ENDINGS) or word for word in words])
        said = " ".join(words)
        return f"not {said}" if self.parts.is_negated else said


def read(text: str) -> Reading:
    """Read a story."""
    text = plain(text)
    low = lowered(text)
    parts = parse_story(text, low)
    want = parts.want
    want_words = tuple(words_in(low[want.start : want.end]))
    return Reading(text, low, parts, tuple(words_in(low)), want_words)
