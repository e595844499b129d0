"""How large a backlog may be, and what its texts may contain.

A text goes into prompts, and a prompt has to fit: 20,000 characters are about 5,000 tokens.
"""

import unicodedata

#: Characters of a field.
CODE_CHARS = 50
NAME_CHARS = 200
TITLE_CHARS = 500
TEXT_CHARS = 20_000
#: Product context is in every prompt, but cached there.
CONTEXT_CHARS = 50_000
#: One acceptance criterion is a sentence or a short scenario.
CRITERION_CHARS = 2_000
#: Entries of a list in one card, epic or story.
LIST_ENTRIES = 200

#: Of a project: twice the largest batch that is tested.
MAX_CARDS = 20_000
MAX_EPICS = 20_000
#: Places of cards in epics; a card may stand in many.
MAX_PLACES = 100_000
#: Of one epic; a comprehensive run writes 15.
MAX_STORIES_OF_EPIC = 200
MAX_PRIORITY = 1_000_000

_LINE_BREAKS = "\t\n\r"
#: The same rule as a regular expression's class, for the OpenAPI document.
_CONTROL = r"\u0000-\u001f\u007f-\u009f"
_CONTROL_BUT_BREAKS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"


def control_character(text: str, *, lines: bool) -> str | None:
    """The first character of `text` that nobody can see, as `U+0007`, or None.

    Args:
        lines: tabs and line breaks are allowed.
    """
    if text.isprintable():
        return None
    for character in text:
        if unicodedata.category(character) == "Cc" and not (lines and character in _LINE_BREAKS):
            return f"U+{ord(character):04X}"
    return None


def pattern(*, lines: bool, filled: bool) -> str:
    """What `control_character` lets through, as a regular expression of JSON Schema.

    Args:
        filled: with something else than white space in it.
    """
    control = _CONTROL_BUT_BREAKS if lines else _CONTROL
    some = f"[^{control}]*"
    return f"^{some}[^\\s{control}]{some}$" if filled else f"^{some}$"
