"""Forms of an epic's fields that mean the same as the agreed one; pure.

Each function returns what it cannot read as it came, for the schema to refuse.
"""

import re
from collections.abc import Mapping

from content.answer_fields import named_fields, plain_key
from content.answer_texts import priority as level
from epics import bounds
from quality.text import comparable

#: What an epic holds: codes of cards, or refs of epics that it is merged from.
MEMBER_NAMES = ("cardcodes", "cards", "mergedfrom", "merges", "refs", "k")
#: Keys that mean a field and no other, beside its own in any case and with _, - or spaces.
_OTHER_NAMES = {
    # Those of the schema.
    "t": "title",
    "h": "theme",
    "d": "description",
    "v": "businessValue",
    "c": "acceptanceCriteria",
    "e": "effort",
    "m": "impact",
    "n": "dependencies",
    # Others'.
    "name": "title",
    "summary": "description",
    "value": "businessValue",
    "criteria": "acceptanceCriteria",
    "dependson": "dependencies",
    "size": "effort",
    "rank": "priority",
    **dict.fromkeys(MEMBER_NAMES, "members"),
}
_FIELDS = (
    *("title", "theme", "description", "businessValue", "acceptanceCriteria"),
    *("dependencies", "effort", "impact", "priority", "members"),
)
#: Where a text names several codes.
BETWEEN = re.compile(r"[,;\n]+")
_NUMBER = re.compile(r"^\W*+p?(?:riority)?\W*+(\d{1,6})\b", re.IGNORECASE)
_LEVEL_PLACES = {"high": 1, "medium": 2, "low": 3}
_NOTHING = frozenset({"", "none", "null", "n a", "na", "nil"})


def epic_fields(given: Mapping[str, object]) -> dict[str, object]:
    """An epic's fields under their own names.

    Raises:
        ValueError: a field is there twice, and they differ.
    """
    return named_fields(given, _FIELDS, _OTHER_NAMES)


def names(value: object) -> object:
    """A list of codes or titles, for one text with several, for none, and for objects that have
    a code, a ref or a title."""
    if value is None:
        return []
    if isinstance(value, str):
        value = BETWEEN.split(value)
    if not isinstance(value, list):
        return value
    return [one for one in map(_name, value) if not _is_nothing(one)]


def _is_nothing(value: object) -> bool:
    return isinstance(value, str) and comparable(value) in _NOTHING


def _name(value: object) -> object:
    if isinstance(value, dict):
        parts = {plain_key(key): part for key, part in value.items()}
        value = next((parts[key] for key in ("code", "ref", "title") if key in parts), value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else value


def place(value: object) -> object:
    """A whole number from 1, for "P2", "2 (next)" and words such as high; None for none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        found = _NUMBER.match(value)
        value = int(found[1]) if found else _LEVEL_PLACES.get(str(level(value)), value)
    if isinstance(value, int) and not isinstance(value, bool):
        return min(max(value, 1), bounds.MAX_PRIORITY)
    return value


def reasons(value: object) -> object:
    """A list of objects with code and reason, for {code: reason} and for codes without one."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [{"code": code, "reason": reason} for code, reason in value.items()]
    if isinstance(value, list):
        return [{"code": one, "reason": ""} if isinstance(one, str) else one for one in value]
    return value
