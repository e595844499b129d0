"""Strict JSON: what other parsers read differently, or PostgreSQL cannot store, is refused."""

import json
import math
import re
from collections import Counter
from typing import Any, NoReturn

#: Deeper than any document of batchgen (6), and far from where Python's own recursion ends.
MAX_DEPTH = 32
#: Entries of all lists and objects together; the largest backlog that can be imported has fewer.
MAX_VALUES = 600_000
#: A string as JSON writes it, or what stands before an entry.
_ENTRY_OR_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|([,\[{])', re.DOTALL)

_MARKS = (
    (b"\xff\xfe", "it is UTF-16"),
    (b"\xfe\xff", "it is UTF-16"),
    (b"\x1f\x8b", "it is compressed"),
    (b"PK\x03\x04", "it is a ZIP archive"),
)
_UTF8_MARK = b"\xef\xbb\xbf"
#: A place in a document: the way back to its root, None at the root.
_Place = tuple["_Place", str | int] | None


class JSONRefused(ValueError):
    """The bytes are not JSON that batchgen takes; the sentence says why and where."""


def strict_loads(raw: bytes, *, most_values: int = MAX_VALUES) -> Any:
    """The document in `raw`: UTF-8 (a byte order mark is passed over), no duplicate keys, finite
    numbers, at most MAX_DEPTH deep and so many entries, no text that PostgreSQL could not
    store (NUL, lone surrogates).

    Raises:
        JSONRefused: anything else.
    """
    text = json_text(raw)
    _check_size(raw, most_values)
    try:
        document = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except JSONRefused:
        raise
    except json.JSONDecodeError as error:
        raise JSONRefused(_explained(error)) from error
    except RecursionError as error:
        raise JSONRefused(f"It is nested deeper than {MAX_DEPTH} levels.") from error
    except ValueError as error:
        raise JSONRefused("It contains a number with too many digits.") from error
    _check(document, None, 1)
    return document


def path_text(parts: tuple[str | int, ...]) -> str:
    """`epics[3].cards[2]` for ("epics", 3, "cards", 2)."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")


def json_text(raw: bytes) -> str:
    """The text of the bytes, which are UTF-8 without or with a byte order mark.

    Raises:
        JSONRefused: they are something else.
    """
    for mark, sentence in _MARKS:
        if raw.startswith(mark):
            raise JSONRefused(
                f"It is not plain UTF-8 text: {sentence}. Save it with the encoding UTF-8."
            )
    try:
        return raw.removeprefix(_UTF8_MARK).decode("utf-8")
    except UnicodeDecodeError as error:
        raise JSONRefused(
            f"It is not UTF-8: byte {error.start + 1} is 0x{raw[error.start]:02x}. "
            "Save it with the encoding UTF-8."
        ) from error


def _explained(error: json.JSONDecodeError) -> str:
    if not error.doc.strip():
        return "It is empty."
    where = f"line {error.lineno}, column {error.colno}"
    unfinished = error.msg.startswith("Unterminated string")
    if unfinished or not error.doc[error.pos :].strip():
        return f"It is not complete JSON: it ends in the middle ({where})."
    return f"It is not JSON: {error.msg} at {where}."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise JSONRefused(f"The key {_shown(twice)} stands twice in one object.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise JSONRefused(f"{name} is not a JSON number.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise JSONRefused(f"The number {text[:40]} is too large.")
    return number


def _check_size(raw: bytes, most: int) -> None:
    """Count before anything is built: a value takes a byte or two here, and a hundred then."""
    if sum(map(raw.count, (b",", b"[", b"{"))) <= most:
        return
    entries = 0
    for found in _ENTRY_OR_STRING.finditer(raw):
        entries += found.lastindex is not None
        if entries > most:
            raise JSONRefused(f"It has more than {most:,} entries in its lists and objects.")


def _check(value: Any, place: _Place, depth: int) -> None:
    """The depth, and every text and key. Recursion ends at MAX_DEPTH."""
    if isinstance(value, str):
        _check_text(value, place)
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise JSONRefused(f"It is nested deeper than {MAX_DEPTH} levels.")
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(key, str):
                _check_text(key, place)
            if isinstance(child, str | dict | list):
                _check(child, (place, key), depth + 1)


def _check_text(text: str, place: _Place) -> None:
    if "\x00" in text:
        raise JSONRefused(f"{_at(place)} contains a NUL character.")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise JSONRefused(
                f"{_at(place)} contains half of a surrogate pair, which is not a character."
            ) from error


def _at(place: _Place) -> str:
    parts: list[str | int] = []
    while place is not None:
        place, key = place
        parts.append(key if isinstance(key, int) else _shown(key, quote=""))
    return path_text(tuple(reversed(parts))) or "The document"


def _shown(key: str, quote: str = '"') -> str:
    """A key from outside, short and printable."""
    return quote + key[:60].encode("ascii", "backslashreplace").decode().replace("\x00", "") + quote
