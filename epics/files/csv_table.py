"""Read CSV as spreadsheets and trackers of any locale write it."""

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

_DELIMITERS = ",;\t|"
#: Python's own limit of a cell is 131,072 characters; spreadsheets stop at 32,767.
_CELL_CHARS = 1_000_000


class CSVRefused(Exception):
    """The text is no CSV of what it should hold; the sentence says where it breaks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A head that names columns, and the rows that are not empty with their numbers, as a
    spreadsheet counts them; a row may be shorter than the head."""

    head: Sequence[str]
    rows: Iterator[tuple[int, list[str]]]


def table_of(text: str, *, known: Collection[str]) -> Table:
    """The table; its delimiter is found by the head: comma, semicolon, tab or bar.

    Args:
        known: what columns may be called, as `plain_name` has it.

    Raises:
        CSVRefused: a row that cannot be read; of all but the first, when the rows come to it.
    """
    text = _without_hint(text)
    rows = _rows(text, _delimiter(text, known))
    head = next(rows, (0, []))[1]
    return Table(head=head, rows=_fitting(rows, head))


def plain_name(name: str) -> str:
    """The same for a column's name in any case, with any spaces and signs."""
    return "".join(filter(str.isalnum, name.casefold()))


def names_told(head: Sequence[str]) -> str:
    """The names of a head's first columns, in quotation marks."""
    return ", ".join(f'"{cell.strip()[:40]}"' for cell in head[:20] if cell.strip())


def _fitting(
    rows: Iterator[tuple[int, list[str]]], head: Sequence[str]
) -> Iterator[tuple[int, list[str]]]:
    for number, row in rows:
        _check_width(row, head, number)
        yield number, row


def _without_hint(text: str) -> str:
    """Without Excel's first line `sep=;`, which it repeats in the head."""
    first, _, rest = text.partition("\n")
    return (
        rest if first.strip().lower() in {f"sep={each}".strip() for each in _DELIMITERS} else text
    )


def _delimiter(text: str, names: Collection[str]) -> str:
    """The one that finds most of the known columns in the head, then most columns."""

    def found(delimiter: str) -> tuple[int, int]:
        try:
            _, head = next(_rows(text, delimiter), (0, []))
        except CSVRefused:
            return (-1, 0)
        return (sum(plain_name(cell) in names for cell in head), len(head))

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


def _check_width(row: Sequence[str], head: Sequence[str], number: int) -> None:
    for column, cell in enumerate(row[len(head) :], start=len(head) + 1):
        if cell.strip():
            raise CSVRefused(
                f"Row {number}, column {column}: the first row names no such column. Text that "
                "contains the delimiter has to stand in quotation marks."
            )
