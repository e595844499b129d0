"""Texts with the defects that the quality check found marked where they stand. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, and the numbers of the defects that stand there."""

    text: str
    defects: tuple[int, ...] = ()


def marked(text: str, field: str, defects: Sequence[Mapping[str, Any]]) -> list[Piece]:
    """The text in pieces, each with the defects that lie over it.

    Args:
        field: what the defects call the text, such as userStory or acceptanceCriteria[2].
        defects: as a story has them, counted from 1.
    """
    spans = [
        (*span, number)
        for number, defect in enumerate(defects, start=1)
        if defect.get("field") == field and (span := _span(text, defect))
    ]
    edges = sorted({0, len(text), *(edge for start, end, _ in spans for edge in (start, end))})
    return [Piece(text[start:end], _over(spans, start)) for start, end in pairwise(edges)]


def _over(spans: Iterable[tuple[int, int, int]], place: int) -> tuple[int, ...]:
    return tuple(number for start, end, number in spans if start <= place < end)


def _span(text: str, defect: Mapping[str, Any]) -> tuple[int, int] | None:
    """Where the defect's words stand. The check reads a text on one line, so a place may be off
    where it has several; then the words are looked for."""
    words, start = defect.get("text"), defect.get("start")
    if not isinstance(words, str) or not words:
        return None
    if isinstance(start, int) and text[start : start + len(words)] == words:
        return start, start + len(words)
    found = text.find(words)
    return None if found < 0 else (found, found + len(words))
