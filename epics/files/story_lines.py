"""Read stories from plain text: one a line, a bullet or a paragraph."""

import re
from dataclasses import dataclass, field

from quality.defects import StoryText
from quality.openings import (
    has_benefit,
    has_role,
    has_want,
    opens_benefit,
    opens_role,
    opens_want,
)
from quality.text import lowered

#: Word and web pages leave U+2028 where a line was broken within a paragraph.
_LINE_BREAK = re.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
#: - * + and typographic bullets, a box to tick, 1. 1) (1) a) and codes such as US-12:
_MARKER = re.compile(
    r"(?:[-*+•‣▪◦●·\u2013\u2014\uf0b7]\s+(?:\[[ xX]?\]\s+)?|o\t\s*"
    r"|\(?\d{1,5}[.):]\s+|\(?[A-Za-z][.)]\s+"
    r"|[A-Za-z]{1,10}[- ]?\d{1,6}\s?[:.)]\s+)"
)
_HEADING = re.compile(r"#{1,6}\s|[=-]{3,}$")


@dataclass(slots=True)
class _Block:
    """A story that is being read, and what it has of one so far."""

    line: int
    indent: int
    #: A bullet, or the words that a story opens with, say where it begins.
    begins: bool
    role_last: bool
    parts: list[str] = field(default_factory=list)
    #: The lines of each.
    criteria: list[list[str]] = field(default_factory=list)
    closed: bool = False
    role: bool = False
    want: bool = False
    benefit: bool = False

    def add(self, said: str) -> None:
        self.parts.append(said)
        low = lowered(said)
        self.role = self.role or has_role(low)
        self.want = self.want or has_want(low)
        self.benefit = self.benefit or has_benefit(low)


def stories_of(text: str) -> list[tuple[int, StoryText]]:
    """The stories with the numbers of the lines that they begin on.

    Bullets and numbers are left out. A line that goes on with the sentence before belongs to it;
    bullets that are set in below a story are its acceptance criteria.
    """
    blocks: list[_Block] = []
    for number, line in enumerate(_LINE_BREAK.split(text), start=1):
        _take(blocks, number, line)
    return [
        (
            block.line,
            StoryText(
                user_story=" ".join(block.parts),
                acceptance_criteria=tuple(map(" ".join, block.criteria))
                if block.criteria
                else None,
            ),
        )
        for block in blocks
    ]


def _take(blocks: list[_Block], number: int, line: str) -> None:
    content = line.strip()
    last = blocks[-1] if blocks else None
    if not content or _HEADING.match(content):
        if last:
            last.closed = True
        return
    indent = len(line) - len(line.lstrip())
    marker = _MARKER.match(content)
    said = content[marker.end() :] if marker else content
    if last and marker and indent > last.indent and not _opens(said):
        last.criteria.append([said])
    elif last and not marker and last.criteria and not last.closed and indent > last.indent:
        last.criteria[-1].append(said)
    elif last and not marker and not last.closed and _goes_on(last, said, indent):
        last.add(said)
    else:
        begins = bool(marker) or _opens(said)
        block = _Block(
            line=number, indent=indent, begins=begins, role_last=opens_benefit(lowered(said))
        )
        block.add(said)
        blocks.append(block)


def _opens(said: str) -> bool:
    low = lowered(said)
    return opens_role(low) or opens_benefit(low)


def _goes_on(last: _Block, said: str, indent: int) -> bool:
    """Whether a line without a bullet belongs to the story before it."""
    low = lowered(said)
    if opens_role(low):
        return last.role_last and not last.role
    if opens_benefit(low):
        return not last.benefit
    if not last.begins:
        return said[0].islower() and last.parts[-1].endswith(",")
    if opens_want(low):
        return not last.want
    return said[0].islower() or indent > last.indent
