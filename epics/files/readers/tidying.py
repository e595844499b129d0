"""Text as it is kept: storable, with one kind of line break, nothing that nobody sees."""

import re

from epics.bounds import is_seen
from epics.files.readers.limits import MAX_CHARACTERS
from epics.files.readers.refusals import FileRefused, Reason

_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
#: Controls, halves of surrogate pairs, the byte order mark and what is no character.
_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_ENDS = re.compile("[ \t]+$", re.MULTILINE)
_EMPTY_LINES = re.compile("\n{3,}")


def tidied(text: str) -> str:
    """The text, with at most one empty line between two others.

    Raises:
        FileRefused: nothing of it shows, or it is too long.
    """
    text = _NOT_TEXT.sub("", _BREAKS.sub("\n", text))
    text = _EMPTY_LINES.sub("\n\n", _ENDS.sub("", text)).strip()
    check_length(len(text))
    if not is_seen(text):
        raise FileRefused(Reason.EMPTY, "There is no text in it. Upload a file that has some.")
    return text


def check_length(characters: int) -> None:
    """Raises:
    FileRefused: it is more than is kept.
    """
    if characters > MAX_CHARACTERS:
        raise FileRefused(
            Reason.TOO_MANY_CHARACTERS,
            f"It has more than {MAX_CHARACTERS:,} characters of text. Split it into several files.",
        )
