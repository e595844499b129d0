"""Where sentences begin, by the rules and abbreviations of sentencex."""

import re

from sentencex import get_sentence_boundaries

#: A text without this is one sentence at most.
_MAY_END = re.compile(r"[.!?][)\]\"']*\s+\S")
#: "approx. 1 km", "incl. taxes": no sentence ends there, though sentencex thinks so.
_ABBREVIATED = re.compile(r"\b[a-z]{1,6}\.\s+$")
_GOES_ON = re.compile(r"[a-z\d%€$£]")
#: Where somebody writes no capitals, sentencex finds no sentence; no abbreviation is so long.
_WITHOUT_CAPITAL = re.compile(r"(?<=[a-z]{5})[.!?]\s+(?=[a-z])")
#: What is read; nobody's story is longer.
_MOST_CHARS = 20_000


def sentence_starts(text: str) -> tuple[int, ...]:
    """Where the second sentence begins, the third and so on; nothing for one sentence."""
    if text.find(".", 0, -1) < 0 and "!" not in text and "?" not in text:  # the same, sooner
        return ()
    if _MAY_END.search(text) is None:
        return ()
    read = text[:_MOST_CHARS]
    starts = {one["start_index"] for one in get_sentence_boundaries("en", read)}
    starts |= {found.end() for found in _WITHOUT_CAPITAL.finditer(read)}
    return tuple(sorted(start for start in starts if start and not _goes_on(text, start)))


def _goes_on(text: str, start: int) -> bool:
    abbreviated = _ABBREVIATED.search(text, max(0, start - 10), start)
    if not abbreviated or not _GOES_ON.match(text, start):
        return False
    return text[start].isdigit() or not _WITHOUT_CAPITAL.search(text, start - 10, start + 1)
