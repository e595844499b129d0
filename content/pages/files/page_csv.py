"""A list of pages as CSV, as spreadsheets and SEO tools of any locale write it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from batchgen.errors import ValidationFailed
from content.pages.files.page_document import REFUSED, PageEntry, same_addresses
from epics import bounds
from epics.files.csv_rows import given_cell
from epics.files.csv_table import CSVRefused, Table, names_told, plain_name, table_of
from epics.files.document_parts import MOST_COUNTED, Problem, part_valid, refusal

#: What a column may be called, as `plain_name` has it, and where it stands in a page's JSON.
_NAMES: Mapping[str, Sequence[str]] = {
    "pageType": ("pagetype", "type", "template"),
    "url": ("url", "address", "pageurl", "targeturl", "path", "link"),
    "title": ("title", "pagetitle", "name"),
    "keywords": ("keywords", "keyword", "targetkeywords", "focuskeyword", "focuskeywords"),
    "language": ("language", "lang", "locale"),
    "components": ("components", "component", "sections"),
    "metadata.skuCount": ("skucount", "skus", "products", "productcount"),
    "metadata.monthlySearches": ("monthlysearches", "searchvolume", "searches", "volume"),
    "metadata.contentStatus": ("contentstatus", "status"),
    "deadline": ("deadline", "due", "duedate"),
    "priority": ("priority",),
}
_KNOWN = {name: field for field, names in _NAMES.items() for name in names}
#: A column of a fact: "Fact: weight".
_FACT = re.compile(r"facts?\s*[:.]\s*(.+)", re.IGNORECASE | re.DOTALL)
_ENTRIES = re.compile(r"[\n\r;,|]")
#: 1200, 1,200, 1.200, 1 200 or 1'200: counts are whole, so no sign in one is of a fraction.
_COUNT = re.compile(r"\d{1,15}|\d{1,3}(?:[ ,.'\u2019\u00a0\u202f]\d{3}){1,4}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRows:
    """The pages of a table, {column of the database: value} each; and what to say of it."""

    rows: list[dict[str, Any]]
    warnings: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Column:
    """A column of the table: its number from 1, its name, and what it is of a page's JSON."""

    number: int
    name: str
    field: str
    fact: str = ""


def pages_of(text: str) -> PageRows:
    """The pages of the table; an empty cell says nothing.

    Of several columns for the same thing the first that is filled counts.

    Raises:
        ValidationFailed: details have up to MAX_PROBLEMS problems, each under its row and column.
    """
    problems: list[Problem] = []
    rows: list[dict[str, Any]] = []
    places: list[str] = []
    try:
        table = table_of(text, known=_KNOWN)
        columns = _columns(table)
        for number, row in islice(table.rows, bounds.IMPORT_PAGES + 1):
            if entry := _entry(number, row, columns, problems):
                rows.append(entry.row())
                places.append(f"row {number}")
            if len(problems) >= MOST_COUNTED:
                break
    except CSVRefused as error:
        raise ValidationFailed(f"{REFUSED} {error}", csv=[str(error)]) from error
    if len(places) > bounds.IMPORT_PAGES:
        message = f"There are more than {bounds.IMPORT_PAGES:,} pages; import them in parts."
        raise ValidationFailed(f"{REFUSED} {message}", csv=[message])
    if not problems:
        problems += islice(same_addresses(rows, places, "{}, url"), MOST_COUNTED)
    if problems:
        raise refusal(REFUSED, problems)
    return PageRows(rows=rows, warnings=_warnings(table, columns))


def _columns(table: Table) -> list[_Column]:
    columns = [
        column
        for number, name in enumerate(table.head, start=1)
        if (column := _column(number, name.strip()))
    ]
    missing = {"pageType", "url"} - {column.field for column in columns}
    if missing:
        named = names_told(table.head)
        raise CSVRefused(
            'The CSV needs the columns "Page type" and "URL"; its first row names the columns'
            + (f", and these are {named}." if named else ".")
        )
    return columns


def _column(number: int, name: str) -> _Column | None:
    if fact := _FACT.fullmatch(name):
        return _Column(number=number, name=name, field="facts", fact=fact[1].strip())
    field = _KNOWN.get(plain_name(name))
    return _Column(number=number, name=name, field=field) if field else None


def _entry(
    number: int, row: Sequence[str], columns: Sequence[_Column], problems: list[Problem]
) -> PageEntry | None:
    document: dict[str, Any] = {}
    places: dict[str, _Column] = {}
    for column in columns:
        cell = given_cell(row[column.number - 1].strip()) if column.number <= len(row) else ""
        if cell and (column.fact or column.field not in places):
            places.setdefault(column.field, column)
            _put(document, column, cell)
    found: list[Problem] = []
    entry = part_valid(PageEntry, document, found)
    problems += [(_place(number, path, places), message) for path, message in found]
    return entry


def _put(document: dict[str, Any], column: _Column, cell: str) -> None:
    if column.fact:
        document.setdefault("facts", {}).setdefault(column.fact, cell)
        return
    *above, name = column.field.split(".")
    owner = document.setdefault(above[0], {}) if above else document
    read = _READ.get(column.field)
    owner[name] = read(cell) if read else cell


def _place(number: int, path: str, places: Mapping[str, _Column]) -> str:
    """`row 3, column 2 (URL)` for what is wrong at a path of the page's JSON."""
    field = path.partition("[")[0]
    column = places.get(field) or places.get(field.partition(".")[0])
    if column is None:
        return f"row {number}, {field}"
    return f"row {number}, column {column.number} ({column.name[:40]})"


def _entries(cell: str) -> list[str]:
    return [entry.strip() for entry in _ENTRIES.split(cell) if entry.strip()]


def _low_entries(cell: str) -> list[str]:
    return _entries(cell.lower())


def _count(cell: str) -> int | str:
    return int("".join(filter(str.isdigit, cell))) if _COUNT.fullmatch(cell) else cell


def _moment(cell: str) -> str:
    """A day alone is over when it ends."""
    return f"{cell}T23:59:59Z" if _DATE.fullmatch(cell) else cell


_READ: Mapping[str, Callable[[str], object]] = {
    "pageType": str.lower,
    "keywords": _entries,
    "components": _low_entries,
    "metadata.skuCount": _count,
    "metadata.monthlySearches": _count,
    "metadata.contentStatus": str.lower,
    "deadline": _moment,
    "priority": _count,
}


def _warnings(table: Table, columns: Sequence[_Column]) -> list[str]:
    read = {column.number for column in columns}
    unread = [
        name
        for number, name in enumerate(table.head, start=1)
        if number not in read and name.strip()
    ]
    return [f"These columns were not read: {names_told(unread)}."] if unread else []
