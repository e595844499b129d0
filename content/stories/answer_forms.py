"""Forms of a story's fields that mean the same as the agreed one; pure.

Each function returns what it cannot read as it came, for the schema to refuse.
"""

from collections.abc import Mapping

from content.answer_fields import named_fields
from content.answer_texts import criteria
from content.sentences import Frame, title_of
from quality.text import comparable, has_words

#: Keys that mean a field and no other, beside its own in any case and with _, - or spaces.
_OTHER_NAMES = {
    # Those of the schema.
    "r": "persona",
    "w": "want",
    "b": "benefit",
    "s": "userStory",
    "c": "acceptanceCriteria",
    "p": "priority",
    "e": "effort",
    "t": "title",
    "n": "technicalNotes",
    "i": "replaces",
    # Others'.
    "role": "persona",
    "goal": "want",
    "iwant": "want",
    "sothat": "benefit",
    "story": "userStory",
    "criteria": "acceptanceCriteria",
    "notes": "technicalNotes",
    "size": "effort",
}
_FIELDS = (
    *("title", "persona", "want", "benefit", "userStory", "acceptanceCriteria"),
    *("technicalNotes", "priority", "effort", "replaces"),
)
_NO_NOTES = frozenset({"", "none", "null", "n a", "na", "nil"})


def story_fields(given: Mapping[str, object], frame: Frame | None) -> dict[str, object]:
    """A story's fields under their own names, its sentences put together where they come in parts.

    Args:
        frame: of the language; None where sentences come whole.

    Raises:
        ValueError: a field is there twice, and they differ.
    """
    fields = named_fields(given, _FIELDS, _OTHER_NAMES)
    want = fields.get("want")
    if isinstance(want, str):
        fields["title"] = fields.get("title") or title_of(want)
        if frame and not fields.get("userStory") and has_words(want):
            role, benefit = (_text(fields.get(name)) for name in ("persona", "benefit"))
            fields["userStory"] = frame.story(role, want, benefit)
    if "acceptanceCriteria" in fields:
        found = criteria(fields["acceptanceCriteria"])
        fields["acceptanceCriteria"] = criteria_in(found, frame)
    return fields


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def criteria_in(found: object, frame: Frame | None) -> object:
    """The same criteria, those put together that come in clauses."""
    if frame is None or not isinstance(found, list):
        return found
    return [frame.criterion_of(one) if isinstance(one, str) else one for one in found]


def notes(value: object) -> object:
    """One text for several; null for words that say that there is none."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    if isinstance(value, str) and comparable(value) in _NO_NOTES:
        return None
    return value
