"""CSV cells that no spreadsheet runs as a formula; wiki text and HTML to stand in them."""

import csv
import html
import io
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

_WIKI_MARKS = re.compile(r"([{}\[\]])")
#: How a cell starts that a spreadsheet reads as a formula, the full-width forms included; behind
#: white space, quotation marks and characters that nobody sees, which some programs take off.
_FORMULA = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\"'`]*"
    r"[=+\-@\uff1d\uff0b\uff0d\uff20\u2212]"
)
#: The same behind what separates cells where a program takes another separator than the comma.
_NEXT_CELL = re.compile(r"([;\t][ \"']*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
#: White space that a spreadsheet takes for the end of a cell or a row.
_BREAKS_FIRST = ("\t", "\r", "\n")
#: What would start a formula behind the semicolon of an HTML entity, in runs: `&lt;==`.
_BEHIND_ENTITY = re.compile(r"(?<=;)[ =+\-@\uff1d\uff0b\uff0d\uff20]++")


def csv_rows(*groups: Iterable[list[Any]]) -> Iterator[str]:
    """The rows as lines of CSV (RFC 4180), every cell safe."""
    for row in chain(*groups):
        line = io.StringIO()
        csv.writer(line).writerow([safe_cell(value) for value in row])
        yield line.getvalue()


def safe_cell(value: Any) -> str:
    """Text that stays text in a spreadsheet: an apostrophe stands before what would be a formula.

    Lists become lines.
    """
    if value is None:
        return ""
    text = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
    text = _NEXT_CELL.sub(r"\1'", text)
    return f"'{text}" if text.startswith(_BREAKS_FIRST) or _FORMULA.match(text) else text


def wiki_text(text: str) -> str:
    """Text that Jira's wiki markup shows as it is: braces open macros, brackets open links."""
    return _WIKI_MARKS.sub(r"\\\1", text)


def html_text(text: str) -> str:
    """Lines of text as HTML that shows them as they are."""
    escaped = html.escape("\n".join(text.strip().splitlines()).replace("\t", " "))
    return _BEHIND_ENTITY.sub(_as_entities, escaped).replace("\n", "<br>")


def _as_entities(found: re.Match[str]) -> str:
    return "".join(each if each == " " else f"&#{ord(each)};" for each in found[0])


def given_cell(cell: str) -> str:
    """What was a cell before `safe_cell` put an apostrophe in front of it."""
    return cell[1:] if cell.startswith("'") and safe_cell(cell[1:]) == cell else cell
