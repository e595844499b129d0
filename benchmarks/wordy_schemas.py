"""The schemas by which the kinds asked for whole sentences and in whole words, to compare with."""

from content.answer_fields import schema_object
from content.subtasks.values import KINDS

_STRING: dict[str, object] = {"type": "string"}
_STRINGS: dict[str, object] = {"type": "array", "items": _STRING}
_TEXT_OR_NULL: dict[str, object] = {"anyOf": [_STRING, {"type": "null"}]}
_LEVEL: dict[str, object] = {"type": "string", "enum": ["high", "medium", "low"]}
_SIZE: dict[str, object] = {"type": "string", "enum": ["S", "M", "L"]}


def _set(name: str, properties: dict[str, object]) -> dict[str, object]:
    return schema_object({name: {"type": "array", "items": schema_object(properties)}})


CARDS = _set(
    "cards",
    {
        "title": _STRING,
        "persona": _STRING,
        "statement": _STRING,
        "problem": _TEXT_OR_NULL,
        "systems": _STRINGS,
        "themes": _STRINGS,
        "quote": _STRING,
    },
)
SUBTASKS = _set(
    "subtasks",
    {
        "title": _STRING,
        "description": _STRING,
        "kind": {"type": "string", "enum": list(KINDS)},
        "effortHours": {"type": "number"},
        "criteria": {"type": "array", "items": {"type": "integer"}},
    },
)
_EPIC: dict[str, object] = {
    "title": _STRING,
    "theme": _STRING,
    "description": _STRING,
    "businessValue": _STRING,
    "acceptanceCriteria": _STRINGS,
    "dependencies": _STRINGS,
    "effort": _SIZE,
    "impact": _LEVEL,
    "priority": {"type": "integer"},
}
MERGED_EPICS = _set("epics", {**_EPIC, "mergedFrom": _STRINGS})
EPICS = schema_object(
    {
        "epics": {"type": "array", "items": schema_object({**_EPIC, "cardCodes": _STRINGS})},
        "unassigned": {
            "type": "array",
            "items": schema_object({"code": _STRING, "reason": _STRING}),
        },
    }
)
PAGES = schema_object(
    {
        "metaTitle": _STRING,
        "metaDescription": _STRING,
        "components": {
            "type": "array",
            "items": schema_object({"type": _STRING, "heading": _STRING, "markdown": _STRING}),
        },
    }
)
STORIES = _set(
    "stories",
    {
        "title": _STRING,
        "persona": _STRING,
        "userStory": _STRING,
        "acceptanceCriteria": _STRINGS,
        "technicalNotes": _TEXT_OR_NULL,
        "priority": _LEVEL,
        "effort": _SIZE,
    },
)
