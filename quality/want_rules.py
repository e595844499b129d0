"""Rules about the want: estimatable, problem-oriented, unambiguous; atomic has its own module."""

import re
from collections.abc import Iterator, Sequence

from quality.anatomy import Anatomy
from quality.atomic_rule import Word, atomic_defects, words_of
from quality.defects import Defect, story_span
from quality.verbs import COARSE_NOUNS, COARSE_VERBS, VERBS

#: A want of a coarse verb with more words than this says enough to be planned.
_COARSE_MOST_WORDS = 9

#: Words and phrases that everybody understands in another way. "clear" and "correct" are verbs
#: as well, so they count only before a noun that they describe.
VAGUE = re.compile(
    r"\b(?:accurate(?:ly)?|adequate(?:ly)?|appropriate(?:ly)?|arbitrar(?:y|ily)|as (?:fast|soon|"
    r"much|many|easily|quickly) as possible|better|clearly|clear (?=and|citation|error|instructions"
    r"|message|overview|picture|understanding|way)|correctly|correct (?=and|data|format|information"
    r"|manner|value|way)|easily|easier|easy|effective(?:ly)?|efficient(?:ly)?|enough|etc|"
    r"fast(?:er)?|flexible|friendly|good|great|helpful|if (?:needed|possible)|"
    r"as needed|in (?:a timely manner|minutes|seconds|some way)|intuitive(?:ly)?|"
    r"maybe|meaningful|minimal|modern|nice(?:ly)?|optimal(?:ly)?|perhaps|possibly|pretty|proper(?:ly)?|quick(?:ly|er)?|reasonabl[ey]|relevant|"
    r"robust|seamless(?:ly)?|sensible|simple|simply|smooth(?:ly)?|sufficient(?:ly)?|suitable|"
    r"timely|useful|user-friendly|well-?\s?(?:documented|designed|organi[sz]ed|supported)|"
    r"(?:a|wide) variety of|a (?:wide )?range of|various)\b(?!-)",
    re.IGNORECASE,
)
_SOLUTION = re.compile(
    r"\b(?:back-?end|front-?end|buttons?|check-?box(?:es)?|radio buttons?|drop-?downs?|pop-?ups?|"
    r"combo box(?:es)?|text box(?:es)?|sidebar|toolbar|scrollbar|wizard|modal|tooltips?|iframe|"
    r"(?:online|web) form|click(?:s|ing)?(?: on)?|command line|cach(?:e|ed|ing)|enums?|jquery|css|"
    r"via (?:a |the )?(?:api|cli|rest|sql)|database ind(?:ex|ices|exes)|be indexed|javascript|"
    r"stored procedures?|web ?sockets?|cron ?jobs?|micro-?services?|checksums?|"
    r"(?:on|at|in) the (?:first|second|third|same|top|left|right)(?: hand)?(?: side)?(?: of the)? "
    r"(?:page|corner|screen|menu|tab))\b",
    re.IGNORECASE,
)


def want_defects(text: str, parts: Anatomy) -> Iterator[Defect]:
    """What is wrong with the want of an English story that has one."""
    words = words_of(parts.want)
    yield from atomic_defects(text, words, parts)
    yield from _estimatable(text, words)
    yield from _problem_oriented(text, parts)
    yield from _unambiguous(text, parts)


def _estimatable(text: str, words: Sequence[Word]) -> Iterator[Defect]:
    texts = [word.text for word in words if word.text[0].isalnum()]
    if not texts:
        return
    lead = next((i for i, word in enumerate(texts) if not word.endswith("ly")), 0)
    short = len(texts) - lead <= _COARSE_MOST_WORDS
    at = None
    if texts[lead] in COARSE_VERBS and short:
        at = lead
    elif short:
        at = _coarse_noun(texts)
    if at is None:
        return
    word = next(w for w in words if w.text == texts[at])
    yield Defect(
        criterion="estimatable",
        kind="coarse",
        severity="medium",
        message=f'"{word.text}" is too coarse to estimate.',
        suggestion="Say which single step the role does, or split the story by steps.",
        span=story_span(text, word.start, word.end),
    )


def _coarse_noun(texts: Sequence[str]) -> int | None:
    """The place of a coarse noun that is the object itself: "have a billing system"."""
    start = 1 if texts[0] in {"have", "get", "create", "build"} else 0
    if start == 0 and texts[0] in VERBS:
        return None
    for at in range(start, len(texts)):
        if texts[at] in {"of", "for", "in", "on", "to", "from", "that", "which", "by"}:
            return None
        following = texts[at + 1] if at + 1 < len(texts) else ""
        if texts[at] in COARSE_NOUNS and following in {"", "with", "that", "for"}:
            return at
    return None


def _problem_oriented(text: str, parts: Anatomy) -> Iterator[Defect]:
    found = _SOLUTION.search(text, parts.want.start, parts.want.end)
    if found:
        span = story_span(text, found.start(), found.end())
        yield Defect(
            criterion="problem_oriented",
            kind="solution",
            severity="minor",
            message=f'"{span.text}" tells how it is built.',
            suggestion="Say what the role achieves; technology belongs into the technical notes.",
            span=span,
        )


def _unambiguous(text: str, parts: Anatomy) -> Iterator[Defect]:
    for found in VAGUE.finditer(text, parts.want.start, parts.want.end):
        span = story_span(text, found.start(), found.end())
        yield Defect(
            criterion="unambiguous",
            kind="vague",
            severity="medium",
            message=f'"{span.text}" means something else to everybody.',
            suggestion="Say how many, how long or which; or move it to a criterion with a figure.",
            span=span,
        )
        return
