"""A story as the rules read it: its text, its parts and its words, each found once."""

from dataclasses import dataclass

from quality.languages import parse_story
from quality.parsed_story import ParsedStory, Part
from quality.text import PLAIN_SIGNS, lowered, plain, rare_signs, without_signs

#: Vowels and signs of number that end the forms of a word in the other languages.
_ENDINGS = "aeiosu"


@dataclass(slots=True)
class Reading:
    """`text` is without Markdown, `low` in lower case; every character stands where it stood.

    `signs`, without commas, and `words` are those of the whole story, `want_words` those of its
    want, `gain_words` those of its benefit. Nobody changes any.
    """

    text: str
    low: str
    parts: ParsedStory
    signs: str
    words: tuple[str, ...]
    want_words: tuple[str, ...]
    gain_words: tuple[str, ...]

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
    signs = rare_signs(text)
    if signs not in PLAIN_SIGNS:
        text = plain(text)
        signs = rare_signs(text)
    low = lowered(text)
    parts = parse_story(text, low)
    said = without_signs(low)
    return Reading(
        text,
        low,
        parts,
        signs,
        tuple(said.split()),
        _words_of(said, parts.want),
        _words_of(said, parts.benefit),
    )


def _words_of(said: str, part: Part) -> tuple[str, ...]:
    start = part.start
    return tuple(said[start : start + len(part.text)].split())
