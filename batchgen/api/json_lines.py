"""On which line of a JSON text the value of a path stands, for people who mend it in an editor."""

import json
import re
from collections.abc import Iterable
from functools import cache, partial

_decode = json.JSONDecoder().raw_decode
_BLANK = re.compile(r"[ \t\r\n]*")
_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def json_lines(text: str, paths: Iterable[str]) -> dict[str, int]:
    """{path: line, from 1}; where nothing stands at a path, the line of what would have it.

    Args:
        text: JSON that was read without an error.
        paths: as `strict_json.path_text` writes them: `epics[3].cards[2]`.
    """
    # A list that several paths lead through is gone through once.
    entries = cache(partial(_entries, text))
    begin = _skip(text, 0)

    def line(path: str) -> int:
        place = begin
        for index, key in _PART.findall(path):
            inside = entries(place).get(int(index) if index else key)
            if inside is None:
                break
            place = inside
        return text.count("\n", 0, place) + 1

    return {path: line(path) for path in paths}


def _entries(text: str, place: int) -> dict[str | int, int]:
    """Where each entry of the list or object begins that begins here; of anything else none."""
    opening, found = text[place], dict[str | int, int]()
    if opening not in "[{":
        return found
    place = _skip(text, place + 1)
    while text[place] not in "]}":
        key: str | int = len(found)
        if opening == "{":
            key, place = _decode(text, place)
            place = _skip(text, _skip(text, place) + len(":"))
        found[key] = place
        place = _skip(text, _decode(text, place)[1])
        if text[place] == ",":
            place = _skip(text, place + 1)
    return found


def _skip(text: str, place: int) -> int:
    blank = _BLANK.match(text, place)
    return blank.end() if blank else place
