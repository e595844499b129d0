"""Rules about what is said: conceptually sound, complete, independent."""

import re
from collections.abc import Sequence
from itertools import filterfalse

from quality import lexicon
from quality.clauses import DETERMINERS, PREPOSITIONS
from quality.defects import Defect, Span, story_span
from quality.openings import KEY
from quality.parsed_story import Part
from quality.reading import Reading
from quality.text import content_stems, is_empty_word, word_set

_ANOTHER_WANT = re.compile(r"(?:that )?(?:i|we) (?:also )?(?:want|need|would like) to\b")
_WANTING = ("i ", "we ", "that ")
_STATE_OF_MIND = (
    r"(?:assured|at ease|at peace|aware|calm|certain|comfortable|confident|content|happy|motivated|"
    r"proud|relaxed|satisfied|sure)"
)
_TEAM = (
    r"(?:developers?|engineers?|designers?|stakeholders?|team|testers?|users?|colleagues?|us|we)"
)
#: What the project's people do, and what somebody feels: nothing that a product has.
_NO_FEATURE = re.compile(
    rf"(?:(?:be|feel|become|stay) (?:more |\w+ly )?{_STATE_OF_MIND}\b|feel\b|"
    r"have (?:confidence|guarantees?|peace of mind)|peace of mind|"
    r"move on|meet with\b|meet (?:the |our |my )?(?:developers|stakeholders|team|users)\b|"
    r"(?:begin|start|continue) (?:to )?(?:identify|interview|plan|research)\w*|"
    r"(?:hire|recruit|interview) (?!.*\b(?:online|form|page)\b)|"
    rf"(?:the |our |all )?{_TEAM} to (?:agree|decide|discuss|meet|move|talk)|"
    r"(?:agree|decide|discuss)\b.{0,40}\b(?:team|developers|stakeholders)\b)"
)
#: What it begins with.
_IDLE = word_set(
    "agree all become be begin continue decide designer designers developer developers discuss "
    "engineer engineers feel have hire interview meet move our peace recruit stakeholder "
    "stakeholders start stay team tester testers the us user users we colleagues colleague"
)
_PLACEHOLDER_WORDS = word_set(
    "tbd tbc tba todo fixme xx xxx xxxx lorem insert placeholder follow confirmed decided defined "
    "determined announced specified clarified d"
)
_PLACEHOLDER = re.compile(
    r"\b(?:TBD|TBC|TBA|TODO|FIXME|[tT]\.\s?[bB]\.\s?[dDcCaA]\b\.?|N/A\b|n/a(?=[,.)]|\s*$)|"
    r"lorem ipsum)\b"
    r"|(?<![\w-])(?<!\b[A-Z][a-z]\s)(?:X{3,}|x{3,})(?![\w-])"
    r"|\?{2,}|(?<=\s)(?:\.{3,}|\u2026)(?=\s|,|$)|(?<!\.)(?:\.{3,}|\u2026)\s*$|_{3,}"
    r"|<[A-Za-z][\w \-/]{0,60}>|\[(?:n|x|N|X|\.\.\.|\u2026|[\w ]{0,30}\b(?:here|name|number|"
    r"placeholder|role|"
    r"feature|goal|benefit|reason|insert)\b[\w ]{0,30})\]"
    r"|\((?:[^()]{0,60}\s)?(?:still )?(?:to (?:be (?:announced|clarified|confirmed|decided|defined|"
    r"determined|discussed|done|specified)|follow|come)|follows|open|tbd|tbc|t\.b\.[dc]\.?)\)"
    r"|\b(?:is|are|still|yet) to be (?:announced|clarified|confirmed|decided|defined|determined|"
    r"specified)\b|\bto be (?:announced|clarified|confirmed|decided|defined|determined|"
    r"specified)\W*$"
    r"|\binsert \w+ here\b"
)
#: Where there is none of these and none of the words, nothing is missing.
_SIGNS = frozenset("?<[_\u2026")
#: "XX airport" lacks its name; "Terminal XX" and "pier XX" have it, and so has the XX century.
_TWO_X = re.compile(r"(?<![\w-])(?:XX|xx)(?![\w-])(?!\s+centur)")
_NAMED_BEHIND = re.compile(
    r"\s*(?:[,.;:)]|$|\s(?:and|at|by|for|from|in|of|on|or|so|to|when|with)\b)"
)
_NOT_A_NAME = PREPOSITIONS | DETERMINERS | word_set("about and are is least most or than")
#: Without one of these nothing refers to another story.
_REFERENCE_WORDS = word_set(
    "above before below earlier following next other preceding previous previously same stories "
    "story ticket us"
)
#: Nor does it without one of these, or a story.
_REFERRING = word_set(
    "above defined described explained listed mentioned named said same shown specified stated "
    "story ticket"
)
_REFERENCE = re.compile(
    r"\b(?:(?:the )?same as (?:the )?(?:above|before|in|last|previous|story)\b"
    r"|(?:as|the|see|like) (?:mentioned |described |said |stated )?above\b"
    r"|\b(?:defined|described|listed|mentioned|named|said|shown|specified|stated) "
    r"(?:above|before|below|earlier|previously|there)\b"
    r"|(?:above|earlier|previously)[ -](?:defined|described|listed|mentioned|named|stated)\b"
    r"|(?:as|see) (?:described|defined|explained|specified) (?:above|below|in)\b"
    r"|(?:the )?(?:previous|above|preceding|next|other|following|last) (?:user )?stor(?:y|ies)\b"
    r"|(?:see|like|as in|after|depends? on|from|in|of|per) (?:user )?(?:story|ticket)(?: #?\d|"
    r" [a-z]+-\d)"
    r"|(?:user )?story (?:#|no\.? ?|number )?\d+)"
)
#: A text without these, and without signs, neither lacks anything nor refers to a story.
TELLING = _PLACEHOLDER_WORDS | _REFERENCE_WORDS
#: A tracker's key; not a standard's name.
_KEY = re.compile(
    r"(?<![\w-])(?!(?:AES|CO|COVID|DIN|EN|GPT|IEC|IEEE|ISO|MP|PM|RFC|SHA|UTF|USB|WPA|WS|A|B)-)"
    r"[A-Z]{2,10}-\d{1,5}(?![\w-])"
)
#: The forms of a word have as many letters in common.
_TELLING_CHARS = 3
_HYPHEN = re.compile(r"-\d")
_OWN_KEY = re.compile(KEY)


def complete(reading: Reading) -> Defect | None:
    """Whether nothing is still to be filled in."""
    found = placeholder(reading)
    if found is None:
        return None
    return Defect(
        criterion="complete",
        kind="placeholder",
        severity="medium",
        message=f'"{found.text}" stands for something that is missing.',
        suggestion="Write what is meant, or leave it out.",
        span=found,
    )


def placeholder(reading: Reading) -> Span | None:
    """What stands for something that is missing, or None."""
    text, signs = reading.text, reading.signs
    if (
        _PLACEHOLDER_WORDS.isdisjoint(reading.words)
        and _SIGNS.isdisjoint(signs)
        and not ("..." in signs and "..." in text)
        and not ("/" in signs and "n/a" in reading.low)
    ):
        return None
    found = _PLACEHOLDER.search(text)
    if found is None:
        found = next((one for one in _TWO_X.finditer(text) if not _is_name(text, one)), None)
    return story_span(text, *found.span()) if found else None


def _is_name(text: str, found: re.Match[str]) -> bool:
    """Whether XX is the name or the number of what stands before it."""
    before = text[max(0, found.start() - 30) : found.start()].split()[-1:]
    if not before or before[0].casefold() in _NOT_A_NAME:
        return False
    return before[0][0].isupper() or _NAMED_BEHIND.match(text, found.end()) is not None


def feature(reading: Reading) -> Defect | None:
    """Whether a product can do what is wanted."""
    want = reading.parts.want
    if not reading.want_words or reading.want_words[0] not in _IDLE:
        return None
    idle = _NO_FEATURE.match(reading.low, want.start, want.end)
    if idle is None:
        return None
    span = story_span(reading.text, *idle.span())
    return Defect(
        criterion="conceptually_sound",
        kind="no_feature",
        severity="medium",
        confidence="medium",
        message=f'"{span.text}" is nothing that a product can do.',
        suggestion="Say what the product lets the role do or see.",
        span=span,
    )


def rationale(reading: Reading) -> Defect | None:
    """Whether the benefit is a reason for the want."""
    gain = reading.parts.benefit
    if not gain.text:
        return None
    low = reading.low
    another = low.startswith(_WANTING, gain.start) and _ANOTHER_WANT.match(low, gain.start)
    repeats = _repeats(reading)
    if not repeats and not another:
        return None
    return Defect(
        criterion="conceptually_sound",
        kind="no_rationale",
        severity="medium",
        confidence="medium",
        message="Its benefit repeats the want." if repeats else "Its benefit is another want.",
        suggestion="Say what changes for the role once it has what it wants.",
        span=_span(gain),
    )


def _repeats(reading: Reading) -> bool:
    """Whether the benefit says only what the want says, or the whole want again."""
    low, part, want = reading.low, reading.parts.benefit, reading.parts.want
    gain = reading.gain_words
    # Few get further: where neither begins like a word of the other, neither says the other.
    if not (
        _begins_in(gain, low, want.start, want.end)
        or _begins_in(reading.want_words, low, part.start, part.end)
    ):
        return False
    wanted, gained = _meanings(reading.want_words), _meanings(gain)
    if not wanted or not gained:
        return False
    if len(gained) == 1:  # "so that it is withdrawn" says the want's verb again
        return gained == _meanings(reading.want_words[:1])
    return gained <= wanted or (len(wanted) > 1 and wanted <= gained)


def _begins_in(words: Sequence[str], low: str, start: int, end: int) -> bool:
    """Whether the first and the last telling word are, in any form, in a part of the story."""
    first = next(filterfalse(is_empty_word, words), "")
    start = max(start - 1, 0)
    if low.find(f" {first[:_TELLING_CHARS]}", start, end) < 0:
        return False
    last = next(filterfalse(is_empty_word, reversed(words)), "")
    return low.find(f" {last[:_TELLING_CHARS]}", start, end) >= 0


def _meanings(words: Sequence[str]) -> set[str]:
    return set(content_stems(map(lexicon.base_of, words)))


def independent(reading: Reading) -> Defect | None:
    """Whether it can be understood without another story."""
    text = reading.text
    found = None
    if _may_refer(reading):
        found = _REFERENCE.search(reading.low)
    if found is None and "-" in reading.signs and _HYPHEN.search(text):
        own = _OWN_KEY.match(reading.low)
        found = _KEY.search(text, own.end() if own else 0)
    if found is None:
        return None
    return Defect(
        criterion="independent",
        kind="reference",
        severity="medium",
        message=f'"{found[0]}" needs another story to be understood.',
        suggestion="Say here what is meant, so that it can be built and accepted alone.",
        span=story_span(text, *found.span()),
    )


def _may_refer(reading: Reading) -> bool:
    words, low = reading.words, reading.low
    return not _REFERENCE_WORDS.isdisjoint(words) and (
        not _REFERRING.isdisjoint(words) or " story" in low or " stories" in low
    )


def _span(part: Part) -> Span:
    return Span(field="userStory", start=part.start, end=part.end, text=part.text)
