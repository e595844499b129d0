"""Read stories from CSV, as spreadsheets and trackers of any locale write it."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quality.defects import StoryText

#: The names of a column, without case, spaces and signs: the first is the name itself, which
#: beats the others.
_NAMES = {
    "user_story": ("userstory", "userstories", "story", "statement"),
    "persona": ("persona", "role", "actor"),
    "acceptance_criteria": ("acceptancecriteria", "acceptancecriterion", "criteria"),
}
_DELIMITERS = ",;\t|"
#: Python's own limit of a cell is 131,072 characters; spreadsheets stop at 32,767.
_CELL_CHARS = 1_000_000


class CSVRefused(Exception):
    """The text is no CSV of stories; the sentence says where it breaks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    """Where the head has each thing: columns of its exact name first, then of other names."""

    user_story: Sequence[int]
    persona: Sequence[int]
    acceptance_criteria: Sequence[int]


def stories_of(text: str) -> list[tuple[int, StoryText]]:
    """The stories with the numbers of their rows, as a spreadsheet counts them.

    The delimiter is found by the head: comma, semicolon, tab or bar. Of several columns for the
    same thing the first that is filled counts; acceptance criteria are joined.

    Raises:
        CSVRefused: no column of stories, or a row that cannot be read.
    """
    text = _without_hint(text)
    rows = _rows(text, _delimiter(text))
    head = next(rows, (0, []))[1]
    columns = _columns(head)
    found = [(number, _story(row, columns)) for number, row in rows if _fits(row, head, number)]
    return [(number, story) for number, story in found if story.user_story.strip()]


def _without_hint(text: str) -> str:
    """Without Excel's first line `sep=;`, which it repeats in the head."""
    first, _, rest = text.partition("\n")
    return (
        rest if first.strip().lower() in {f"sep={each}".strip() for each in _DELIMITERS} else text
    )


def _delimiter(text: str) -> str:
    """The one that finds most of the known columns in the head, then most columns."""

    def found(delimiter: str) -> tuple[int, int]:
        try:
            _, head = next(_rows(text, delimiter), (0, []))
        except CSVRefused:
            return (-1, 0)
        known = {name for names in _NAMES.values() for name in names}
        return (sum(_plain(cell) in known for cell in head), len(head))

    return max(_DELIMITERS, key=found)


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, with their numbers."""
    csv.field_size_limit(_CELL_CHARS)
    source = io.StringIO(text, newline="")
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    number = 0
    while True:
        number, line = number + 1, reader.line_num
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise CSVRefused(
                _broken(text, delimiter, number=number, line=line, error=error)
            ) from error
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield number, row


def _broken(text: str, delimiter: str, *, number: int, line: int, error: csv.Error) -> str:
    """What is wrong in the row that begins behind so many lines."""
    rest = "".join(io.StringIO(text, newline="").readlines()[line:])
    column = _broken_column(rest, delimiter)
    why = {
        "unexpected end of data": "a quotation mark is not closed",
        f"'{delimiter}' expected after '\"'": "text follows a closing quotation mark; "
        "quotation marks inside of a cell are written twice",
        f"field larger than field limit ({_CELL_CHARS})": (
            f"the cell has more than {_CELL_CHARS:,} characters"
        ),
    }.get(str(error), str(error))
    return f"Row {number}, column {column}: {why}."


def _broken_column(row: str, delimiter: str) -> int:
    """The number of the cell at which the row breaks: the first that is too long, or whose
    quotation marks do not fit."""
    column, at = 1, 0
    while at < len(row):
        if row[at] == '"':
            end = at + 1
            while (end := row.find('"', end)) >= 0 and row[end + 1 : end + 2] == '"':
                end += 2
            behind = row[end + 1 : end + 2]
            if end < 0 or (behind and behind not in f"{delimiter}\r\n"):
                return column
            length, at = end - at, end + 1
        else:
            ends = [end for mark in (delimiter, "\r", "\n") if (end := row.find(mark, at)) >= 0]
            length, at = min(ends, default=len(row)) - at, min(ends, default=len(row))
        if length > _CELL_CHARS or row[at : at + 1] != delimiter:
            return column
        column, at = column + 1, at + 1
    return column


def _columns(head: Sequence[str]) -> _Columns:
    plain = [_plain(cell) for cell in head]
    places = {
        field: [place for name in names for place, cell in enumerate(plain) if cell == name]
        for field, names in _NAMES.items()
    }
    if not places["user_story"]:
        named = ", ".join(f'"{cell.strip()[:40]}"' for cell in head[:20] if cell.strip())
        raise CSVRefused(
            'The CSV needs a column "User story"; its first row names the columns'
            + (f", and these are {named}." if named else ".")
        )
    return _Columns(**places)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _fits(row: Sequence[str], head: Sequence[str], number: int) -> bool:
    for column, cell in enumerate(row[len(head) :], start=len(head) + 1):
        if cell.strip():
            raise CSVRefused(
                f"Row {number}, column {column}: the first row names no such column. Text that "
                "contains the delimiter has to stand in quotation marks."
            )
    return True


def _story(row: Sequence[str], columns: _Columns) -> StoryText:
    return StoryText(
        user_story=next(_filled(row, columns.user_story), ""),
        persona=next(_filled(row, columns.persona), ""),
        acceptance_criteria=(
            tuple(
                line.strip()
                for cell in _filled(row, columns.acceptance_criteria)
                for line in cell.splitlines()
                if line.strip()
            )
            if columns.acceptance_criteria
            else None
        ),
    )


def _filled(row: Sequence[str], places: Sequence[int]) -> Iterator[str]:
    return (row[place] for place in places if place < len(row) and row[place].strip())
