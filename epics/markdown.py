"""Text for Markdown that shows as it was written."""

import re

_INLINE = re.compile(r"([\\`*_\[\]<>|~&])")
_LINE_START = re.compile(r"^(\s*)([#+=-]|\d+(?=[.)]))", re.MULTILINE)


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
    space = space if "\n" in space else space[:3]
    return f"{space}{mark}\\" if mark.isdigit() else f"{space}\\{mark}"
