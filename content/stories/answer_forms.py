"""Forms of a story's fields that mean the same as the agreed one; pure.

Each function returns what it cannot read as it came, for the schema to refuse.
"""

from collections.abc import Mapping

from content.answer_fields import named_fields
from quality.text import comparable

#: Keys that mean a field and no other, beside its own in any case and with _, - or spaces.
_OTHER_NAMES = {
    "role": "persona",
    "story": "userStory",
    "criteria": "acceptanceCriteria",
    "notes": "technicalNotes",
    "size": "effort",
}
_FIELDS = (
    *("title", "persona", "userStory", "acceptanceCriteria"),
    *("technicalNotes", "priority", "effort"),
)
_NO_NOTES = frozenset({"", "none", "null", "n a", "na", "nil"})


def story_fields(given: Mapping[str, object]) -> dict[str, object]:
    """A story's fields under their own names.

    Raises:
        ValueError: a field is there twice, and they differ.
    """
    return named_fields(given, _FIELDS, _OTHER_NAMES)


def notes(value: object) -> object:
    """One text for several; null for words that say that there is none."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    if isinstance(value, str) and comparable(value) in _NO_NOTES:
        return None
    return value
