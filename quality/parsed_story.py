"""A user story in parts: what parsing makes of its sentence."""

from dataclasses import dataclass
from typing import Literal

Order = Literal["", "role first", "role in the middle", "benefit first", "condition first"]

#: Signs that stand around a part and are none of it.
EDGES = " ,.;:-\u2013\u2014"


# Frozen, these would take three times as long to make.
@dataclass(slots=True, unsafe_hash=True)
class Part:
    """A part of a text, without the words that introduce it; nobody changes one."""

    text: str
    start: int

    @property
    def end(self) -> int:
        """Where it ends in the text that it was taken from."""
        return self.start + len(self.text)


NOTHING = Part(text="", start=0)


@dataclass(slots=True)
class ParsedStory:
    """A story in parts; a part that is not there is empty; nobody changes one.

    `opening` is how the want is introduced (want, would like), `benefit_intro` how the benefit
    is. `has_subject` is false where the "I" is missing, `is_infinitive` says that "to" or an
    ability leads the want, `is_negated` that it is not wanted. `sentences` are where further
    sentences begin, `language` the one whose openings were found: en, de, fr, es, pt, nl, it.
    """

    role: Part = NOTHING
    want: Part = NOTHING
    benefit: Part = NOTHING
    opening: str = ""
    benefit_intro: str = ""
    order: Order = ""
    has_subject: bool = False
    is_infinitive: bool = False
    is_negated: bool = False
    sentences: tuple[int, ...] = ()
    language: str = ""


def part_of(text: str, start: int, end: int) -> Part:
    """What stands there, without white space and signs at its ends."""
    found = text[start:end].rstrip(EDGES)
    stripped = found.lstrip(EDGES)
    return Part(stripped, start + len(found) - len(stripped))
