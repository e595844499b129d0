"""The text of workbooks (openpyxl) and of CSV: a paragraph a row, each value named by its column.

A long table is read in parts; what stands alone in the first row would be missing in all others.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from io import BytesIO, StringIO
from itertools import islice

from openpyxl import load_workbook  # type: ignore[import-untyped]  # it ships no types

from epics.files.readers.limits import MAX_CELLS, MAX_CHARACTERS
from epics.files.readers.refusals import FileRefused, Reason

BETWEEN_CELLS = " | "
#: What names a column is not longer.
_MOST_NAME_CHARS = 80
#: The header is one of the first rows; above it stand titles.
_HEADER_ROWS = 10
_LEAST_COLUMNS = 2
#: Of the text of a CSV file so much tells what stands between its cells.
_SAMPLE_CHARS = 20_000
_DELIMITERS = ",;\t|"

#: {column: text} of the cells that say something.
Row = dict[int, str]


def workbook_text(raw: bytes) -> str:
    """All sheets, one after the other; of formulas what they came to when it was saved."""
    book = load_workbook(BytesIO(raw), read_only=True, data_only=True, keep_links=False)
    left = MAX_CELLS
    parts: list[str] = []
    for sheet in book.worksheets:
        # What a sheet says of its own size may lie.
        sheet.reset_dimensions()
        rows = list(_bounded(map(_row, sheet.iter_rows(values_only=True)), left))
        left -= sum(map(len, rows))
        if rows:
            title = [str(sheet.title)] if len(book.worksheets) > 1 else []
            parts += [*title, rows_text(rows)]
    return "\n\n".join(parts)


def csv_text(text: str) -> str:
    """The rows of a CSV file, whatever stands between its cells."""
    csv.field_size_limit(MAX_CHARACTERS)
    try:
        reader = csv.reader(StringIO(text, newline=""), _dialect(text[:_SAMPLE_CHARS]))
        return rows_text(list(_bounded(map(_row, reader), MAX_CELLS)))
    except csv.Error as error:
        raise FileRefused(
            Reason.BROKEN, f"It is no CSV: {error}. Save it as CSV again, or upload it as text."
        ) from error


def rows_text(rows: Sequence[Row]) -> str:
    """The rows as paragraphs, with their columns' names where they fit."""
    header, begin = _header(rows)
    if not header:
        return _plain(rows)
    named = "\n\n".join(
        "\n".join(
            f"{header[column]}: {text}" if column in header else text
            for column, text in row.items()
        )
        for row in rows[begin:]
    )
    above = _plain(rows[: begin - 1])
    text = "\n\n".join(filter(None, (above, named)))
    return text if len(text) <= MAX_CHARACTERS else _plain(rows)


def _plain(rows: Sequence[Row]) -> str:
    return "\n\n".join(BETWEEN_CELLS.join(row.values()) for row in rows)


def _header(rows: Sequence[Row]) -> tuple[Row, int]:
    """The row that names the columns, and the place of the one after it; none: an empty one.

    It is the first that has as many cells as any near it, all of them different, short and no
    numbers; and some row follows.
    """
    first = rows[:_HEADER_ROWS]
    widest = max(map(len, first), default=0)
    for place, row in enumerate(first[: len(rows) - 1]):
        if len(row) >= max(_LEAST_COLUMNS, widest):
            return (row, place + 1) if _names_columns(row) else ({}, 0)
    return {}, 0


def _names_columns(row: Row) -> bool:
    texts = list(row.values())
    return len(set(texts)) == len(texts) and all(
        len(text) <= _MOST_NAME_CHARS and not text[:1].isdigit() and "\n" not in text
        for text in texts
    )


def _row(values: Iterable[object]) -> Row:
    texts = ((column, _cell(value)) for column, value in enumerate(values))
    return {column: text for column, text in texts if text}


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime) and value.time() == time.min:
        value = value.date()
    if isinstance(value, datetime | date | time):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return str(value).strip()


def _bounded(rows: Iterable[Row], most: int) -> Iterator[Row]:
    """Those that say something.

    Raises:
        FileRefused: they have more cells.
    """
    cells = 0
    for row in rows:
        cells += len(row)
        if cells > most:
            raise FileRefused(
                Reason.TOO_MANY_CELLS,
                f"It has more than {MAX_CELLS:,} filled cells. Split it, or take out columns that "
                "say nothing.",
            )
        if row:
            yield row


def _dialect(sample: str) -> type[csv.Dialect] | csv.Dialect | str:
    """What stands between the cells: the sign that most lines have equally often."""
    lines = list(islice(filter(None, sample.splitlines()), 20))
    counts = {sign: [line.count(sign) for line in lines] for sign in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda sign: (min(counts[sign], default=0), sum(counts[sign])))
    return _DIALECTS[best]


def _dialect_of(sign: str) -> type[csv.Dialect]:
    return type("Dialect", (csv.excel,), {"delimiter": sign})


_DIALECTS = {sign: _dialect_of(sign) for sign in _DELIMITERS}
