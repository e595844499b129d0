"""Forms of a card's fields that mean the same as the agreed one; pure.

Each function returns what it cannot read as it came, for the schema to refuse.
"""

import re
from collections.abc import Mapping

from content.answer_fields import named_fields, plain_key
from content.sentences import Frame, title_of
from quality.text import has_words

_FIELDS = (
    *("title", "persona", "want", "benefit", "statement", "problem", "systems", "themes"),
    *("quote", "replaces"),
)
#: Keys that mean a field and no other.
_OTHER_NAMES = {
    # Those of the schema.
    "q": "quote",
    "r": "persona",
    "w": "want",
    "b": "benefit",
    "s": "statement",
    "m": "themes",
    "t": "title",
    "p": "problem",
    "y": "systems",
    "i": "replaces",
    # Others'.
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


def card_fields(given: Mapping[str, object], frame: Frame | None) -> dict[str, object]:
    """A card's fields under their own names, its statement put together where it comes in parts.

    Args:
        frame: of the language; None where sentences come whole.

    Raises:
        ValueError: a field is there twice, and they differ.
    """
    fields = named_fields(given, _FIELDS, _OTHER_NAMES)
    want = fields.get("want")
    if isinstance(want, str):
        fields["title"] = fields.get("title") or title_of(want)
        if frame and not fields.get("statement") and has_words(want):
            role, benefit = (text_or_none(fields.get(name)) for name in ("persona", "benefit"))
            fields["statement"] = frame.story(str(role or ""), want, str(benefit or ""))
    return fields


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
