"""Escape text for Markdown."""

import re

_INLINE = re.compile(r"([\\`*_\[\]<>|~&])")
# White space of the line alone: with line breaks in it, a text of them is read once for each.
_LINE_START = re.compile(r"^([^\S\n]*+)([#+=-]|\d++(?=[.)]))", re.MULTILINE)


def markdown_text(text: str) -> str:
    """Paragraphs of text with everything escaped that would be markup or HTML."""
    escaped = _INLINE.sub(r"\\\1", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _LINE_START.sub(_escaped_start, escaped).strip("\n")


def markdown_line(text: str) -> str:
    """The same on one line."""
    return markdown_text(" ".join(text.split()))


def _escaped_start(match: re.Match[str]) -> str:
    space, mark = match.groups()
    # Four spaces would open a code block; a number needs its dot escaped, not itself.
    return f"{space[:3]}{mark}\\" if mark.isdigit() else f"{space[:3]}\\{mark}"
