"""Schemas of the tools' arguments: what the API takes, or less."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

#: Rows of a list, unless fewer or more are asked for.
ROWS, MOST_ROWS = 10, 50
#: Arguments that are neither in the query nor in the body.
CONTENTS, KEY = "contents", "idempotencyKey"


def text(told: str, most: int = 200) -> Schema:
    """A text of at most so many characters."""
    return {"type": "string", "minLength": 1, "maxLength": most, "description": told}


def one_of(told: str, *words: str) -> Schema:
    """One of these words."""
    return {"type": "string", "enum": list(words), "description": told}


ID: Schema = {
    "type": "string",
    "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
    "description": "An id, as another tool shows it.",
}
_WITH_CONTENTS: Schema = {
    "type": "boolean",
    "default": False,
    "description": (
        "Show what people, files and models wrote (titles, stories, pages, messages), which is "
        "null otherwise. Ask for it only where you need the texts themselves."
    ),
}
_PAGE: Mapping[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": ROWS},
    "cursor": text("`page.next` of the answer before.", 2000),
}
ONE = {CONTENTS: _WITH_CONTENTS}
LIST = {**_PAGE, CONTENTS: _WITH_CONTENTS}
RUN_TYPE = one_of(
    "What is made.",
    *("ANALYZE_CARDS", "GENERATE_EPICS", "GENERATE_STORIES", "GENERATE_ALL_STORIES"),
    *("GENERATE_SUBTASKS", "GENERATE_PAGES", "EXPORT"),
)
STATUS = one_of(
    "Only these.",
    *("QUEUED", "RUNNING", "PAUSED", "SUCCEEDED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELLED"),
)
PRIORITY = one_of("Whose items go first.", "HIGH", "NORMAL", "LOW")
AGAIN = text("Any new text; the same one again does nothing twice and gets the same answer.", 255)
#: Of the body of a start.
START: Mapping[str, Schema] = {
    "type": RUN_TYPE,
    "targetIds": {
        "type": "array",
        "items": ID,
        "minItems": 1,
        "maxItems": 500,
        "description": "What to run over; without them all that fit.",
    },
    "mode": one_of("How much is written.", "concise", "standard", "comprehensive"),
    "personaSet": one_of("Whose stories.", "core", "extended", "cards"),
    "pacingProfile": one_of("How fast.", "safe", "normal", "fast", "adaptive"),
    "priority": PRIORITY,
    "lane": one_of("At which price.", "realtime", "batch", "cheapest"),
    "maxConcurrency": {"type": "integer", "minimum": 1},
    "deadline": text("A time with its zone, by which it is needed.", 40),
    "model": text("Another model than the server's.", 100),
    "budgetUsd": text("What it may spend at most, like 12.50.", 20),
    "options": {"type": "object", "description": "As `options` of POST /projects/{id}/runs."},
}
