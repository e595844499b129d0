"""Forms of a card's fields that mean the same as the agreed one; pure.

Each function returns what it cannot read as it came, for the schema to refuse.
"""

import re
from collections.abc import Mapping

from content.answer_fields import named_fields, plain_key

_FIELDS = ("title", "persona", "statement", "problem", "systems", "themes", "quote")
#: Keys that mean a field and no other.
_OTHER_NAMES = {
    "name": "title",
    "headline": "title",
    "role": "persona",
    "actor": "persona",
    "user": "persona",
    "userstory": "statement",
    "usecase": "statement",
    "need": "statement",
    "painpoint": "problem",
    "pain": "problem",
    "system": "systems",
    "tools": "systems",
    "theme": "themes",
    "tags": "themes",
    "topics": "themes",
    "evidence": "quote",
    "citation": "quote",
    "source": "quote",
    "quotes": "quote",
}
#: What people write where there is nothing.
_NOTHING = frozenset({"", "-", "none", "n/a", "na", "null", "nothing", "not stated", "unknown"})
_DIVIDERS = re.compile(r"[,;\n]")


def card_fields(given: Mapping[str, object]) -> dict[str, object]:
    """A card's fields under their own names.

    Raises:
        ValueError: a field is there twice, and they differ.
    """
    return named_fields(given, _FIELDS, _OTHER_NAMES)


def text_or_none(value: object) -> object:
    """A text, None for one that says nothing."""
    if isinstance(value, str):
        return None if value.strip().casefold() in _NOTHING else value
    return value


def text_or_empty(value: object) -> object:
    """A text, "" for none; of a list of texts the first, of an object its one text."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = value[0] if value else ""
    if isinstance(value, dict):
        texts = [one for key, one in value.items() if plain_key(key) in ("quote", "text", "name")]
        value = texts[0] if len(texts) == 1 else value
    return "" if value is None else value


def texts(value: object) -> object:
    """A list of texts, for one text with commas; names of objects for these."""
    if value is None:
        return []
    if isinstance(value, str):
        value = _DIVIDERS.split(value)
    if not isinstance(value, list):
        return value
    named = [text_or_none(text_or_empty(one)) for one in value]
    return [one.strip() if isinstance(one, str) else one for one in named if one is not None]
