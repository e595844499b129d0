"""Limits of a backlog: how many rows, how long the texts, which characters.

A text goes into prompts, and a prompt has to fit: 20,000 characters are about 5,000 tokens.
"""

import re
import unicodedata

#: Characters of a field.
CODE_CHARS = 50
STORY_CODE_CHARS = 60
SUBTASK_CODE_CHARS = 70
NAME_CHARS = 200
TITLE_CHARS = 500
TEXT_CHARS = 20_000
#: Product context is in every prompt, but cached there.
CONTEXT_CHARS = 50_000
#: One acceptance criterion is a sentence or a short scenario.
CRITERION_CHARS = 2_000
#: What a person asks of one run, in words of their own.
INSTRUCTIONS_CHARS = 4_000
#: A template of a prompt, as staff may edit it.
TEMPLATE_CHARS = 50_000
#: Entries of a list in one card, epic or story.
LIST_ENTRIES = 200

#: Of a project: twice the largest batch that is tested.
MAX_CARDS = 20_000
MAX_EPICS = 20_000
MAX_UPLOADS = 1_000
#: Places of cards in epics; a card may stand in many.
MAX_PLACES = 100_000
#: Of one epic; a comprehensive run writes 15.
MAX_STORIES_OF_EPIC = 200
#: Of one story; a run writes 8.
MAX_SUBTASKS_OF_STORY = 100
MAX_EFFORT_HOURS = 1_000
MAX_PRIORITY = 1_000_000
#: Of one review, and what its note has.
REVIEW_ITEMS = 1_000
REVIEW_NOTE_CHARS = 2_000
#: Words of an upload that a card rests on.
QUOTE_CHARS = 2_000
#: Named for one run, of whatever kind.
MAX_TARGETS = 20_000

#: Of a brand voice: its tone, what to do and what not, words that are never used, a sample.
TONE_CHARS = 500
VOICE_RULES = 50
RULE_CHARS = 500
BANNED_WORDS = 200
BANNED_WORD_CHARS = 100
SAMPLE_CHARS = 5_000

#: Of a page. Longer addresses are not shown whole by every browser.
URL_CHARS = 2_000
KEYWORDS = 50
PAGE_COMPONENTS = 20
#: As JSON, all together, and a fact's text.
FACTS_CHARS = 20_000
FACT_CHARS = 2_000
#: Far more than a search result shows: that is for the quality check to say.
META_TITLE_CHARS = 200
META_DESCRIPTION_CHARS = 500
#: Of a project, of one import, of one request that makes pages and starts their run.
MAX_PAGES = 20_000
IMPORT_PAGES = 10_000
BATCH_PAGES = 1_000

#: Categories of Unicode that nobody sees: controls, formats (joiners, directions), separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
#: What Unicode does not count to these and shows as nothing all the same: fillers, the empty
#: braille cell, the joiner of graphemes, what chooses between forms of the sign before.
_BLANKS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
#: Letters of other scripts, and of Latin, that look like these in most fonts.
_LOOKS = str.maketrans(
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7OIL|",
    "ABEKMH0PCTYX1JSABEZH1KMN0PTYX0111",
)

#: Controls, as a regular expression's class; the OpenAPI document says it so too.
_CONTROL = r"\u0000-\u001f\u007f-\u009f"
_CONTROL_BUT_BREAKS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
_NOT_IN_A_LINE = re.compile(f"[{_CONTROL}]")
_NOT_IN_LINES = re.compile(f"[{_CONTROL_BUT_BREAKS}]")


def control_character(text: str, *, lines: bool) -> str | None:
    """The first character of `text` that nobody can see, as `U+0007`, or None.

    Args:
        lines: tabs and line breaks are allowed.
    """
    if text.isprintable():
        return None
    found = (_NOT_IN_LINES if lines else _NOT_IN_A_LINE).search(text)
    return f"U+{ord(found[0]):04X}" if found else None


def is_seen(text: str) -> bool:
    """Whether anything of the text shows."""
    if text and not _is_unseen(text[0]):  # as nearly always
        return True
    return any(not _is_unseen(character) for character in text)


def seen_lines(text: str) -> str:
    """What a reader sees of a text, composed (NFC): each line without what does not show, with
    plain spaces, and no empty lines around."""
    lines = "\n".join(map(_seen_line, text.splitlines()))
    return unicodedata.normalize("NFC", lines).strip()


def _seen_line(line: str) -> str:
    if line.isascii() and line.isprintable():
        return line.rstrip()
    return "".join(map(_shown, line)).rstrip()


def _shown(character: str) -> str:
    if character == "\t" or unicodedata.category(character) == "Zs":
        return " "
    return "" if _is_unseen(character) else character


def unseen_character(code: str) -> str | None:
    """The first character of a code that nobody can see, as `U+200B`, or None; a space is seen."""
    if code.isascii() and code.isprintable():
        return None
    found = (each for each in code if each != " " and _is_unseen(each))
    return next((f"U+{ord(each):04X}" for each in found), None)


def code_key(code: str) -> str:
    """Equal for codes that differ in case or in the composition of their letters alone."""
    return unicodedata.normalize("NFC", code).upper().casefold()


def code_looks(code: str) -> str:
    """Equal for codes that most readers could not tell apart, such as E1 in Latin and Cyrillic."""
    return unicodedata.normalize("NFKC", code).upper().translate(_LOOKS)


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN or character in _BLANKS


def pattern(*, lines: bool, filled: bool) -> str:
    """What `control_character` lets through, as a regular expression of JSON Schema.

    Args:
        filled: with something else than white space in it.
    """
    control = _CONTROL_BUT_BREAKS if lines else _CONTROL
    some = f"[^{control}]*"
    return f"^{some}[^\\s{control}]{some}$" if filled else f"^{some}$"
