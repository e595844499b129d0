"""Rules about the sentence: well-formed, full sentence, minimal, uniform, sound, independent."""

import re
from collections.abc import Iterator

from quality.anatomy import Anatomy
from quality.defects import Defect, Span, story_span
from quality.text import comparable, content_stems
from quality.verbs import VERBS

#: A second sentence, brackets, notes; not "e.g. x", "v1.1", "item(s)" or "(s)he".
_SECOND_SENTENCE = re.compile(r"(?<!\be\.g)(?<!\bi\.e)(?<!\betc)(?<!\bvs)(?<!\bno)[.!?]\s+(?=\S)")
_BRACKETS = re.compile(r"(?<![\w/])[(\[{][^)\]}]{2,}[)\]}]?")
_NOTE = re.compile(r"\bnote\s*:|\be\.g\.|\bi\.e\.|\bfor example\b", re.IGNORECASE)
_SECOND_BENEFIT = re.compile(r"(?<!so that )\bso that\b", re.IGNORECASE)
_SPLIT = re.compile(r"[.;]\s*(?:so that|so I|in order to|because)\b", re.IGNORECASE)
_UNGRAMMATICAL = re.compile(
    r"\b(?:(?P<word>(?!that\b|had\b)[a-z]+) (?P=word)|so that so that|is has|has is|"
    r"able (?=(?!to\b)\w+)|ability (?=(?!to\b|for\b|of\b|and\b|or\b|in\b)\w+)|to access to|"
    r"should be (?:allow|display|show)|an? have)\b",
    re.IGNORECASE,
)
_ANOTHER_WANT = re.compile(r"(?:that )?I (?:also )?(?:want|need|would like) to\b", re.IGNORECASE)
_NO_FEATURE = re.compile(
    r"(?:be (?:confident|sure|certain|aware|comfortable|happy)|feel|"
    r"have (?:confidence|guarantees?)|move on|meet with|(?:begin|start|continue) (?:to )?\w+ing)\b",
    re.IGNORECASE,
)
_NO_VERB = re.compile(r"(?:the|an?|my|his|her|their|our)\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"\b(?:TBD|TODO|TBC|XXX|FIXME)\b|\?\?+|\.\.\.\s*$|…\s*$|\blorem ipsum\b|<[a-z ]+>",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"\b(?:same as (?:the )?(?:above|before|previous)|(?:as|the|see) (?:mentioned )?above\b|"
    r"(?:the )?(?:previous|above|preceding|next|other|following) (?:user )?stor(?:y|ies)|"
    r"(?:see|like|as in|after|depends? on|from) (?:user )?story\b|"
    r"(?:user )?story (?:#|no\.? ?)?\d+|as described (?:above|below|in)|\bUS-?\d+)",
    re.IGNORECASE,
)


def form_defects(text: str, parts: Anatomy, *, persona: str) -> Iterator[Defect]:
    """What is wrong with the sentence of an English story."""
    yield from _well_formed(text, parts)
    yield from _minimal(text)
    yield from _uniform(text, parts)
    yield from _full_sentence(text, parts)
    yield from _sound(parts)
    yield from _complete(text)
    yield from _independent(text)
    role = comparable(parts.role.text)
    if persona and role and comparable(persona) not in role:
        yield Defect(
            criterion="uniform",
            kind="role_differs",
            severity="minor",
            message="Its role is not its persona.",
            suggestion="Name the persona as the story's role.",
            span=_of(parts.role.text, parts.role.start),
        )


def _well_formed(text: str, parts: Anatomy) -> Iterator[Defect]:
    template = "Write it as one sentence: As a ROLE, I want WANT, so that BENEFIT."
    missing = [
        name
        for name, part in (("role", parts.role.text), ("want", parts.want.text))
        if not comparable(part)
    ]
    if missing:
        yield Defect(
            criterion="well_formed",
            kind="no_role_or_want",
            severity="high",
            message=f"It has no {' and no '.join(missing)}.",
            suggestion=template,
            span=story_span(text, 0, len(text)) if text.strip(" ,") else None,
        )
    elif not comparable(parts.benefit.text):
        yield Defect(
            criterion="well_formed",
            kind="no_benefit",
            severity="medium",
            message="It does not say what the role gains.",
            suggestion="End it with: so that BENEFIT.",
        )


def _minimal(text: str) -> Iterator[Defect]:
    found = _BRACKETS.search(text) or _NOTE.search(text)
    if found is None:
        sentence = _SECOND_SENTENCE.search(text)
        if sentence and not _SPLIT.match(text, sentence.start()):
            found = sentence
    start, end = (found.start(), found.end()) if found else (0, 0)
    if found is None:
        benefits = list(_SECOND_BENEFIT.finditer(text))
        if len(benefits) < 2:
            return
        start, end = benefits[1].span()
    if text[start] in ".!?":
        start, end = start + 1, len(text)
    yield Defect(
        criterion="minimal",
        kind="extra_text",
        severity="medium",
        message="It says more than role, want and benefit.",
        suggestion="Keep one sentence; move brackets, notes and more sentences to the criteria.",
        span=story_span(text, start, end),
    )


def _uniform(text: str, parts: Anatomy) -> Iterator[Defect]:
    """Departures from the template that a set cannot outvote; see `set_rules` for the rest."""
    split = _SPLIT.search(text)
    odd = split or (not parts.has_article and parts.role.text)
    if not odd:
        return
    span = story_span(text, *split.span()) if split else _of(parts.role.text, parts.role.start)
    yield Defect(
        criterion="uniform",
        kind="template",
        severity="minor",
        message="It departs from the template of user stories.",
        suggestion="Write: As a ROLE, I want WANT, so that BENEFIT.",
        span=span,
    )


def _full_sentence(text: str, parts: Anatomy) -> Iterator[Defect]:
    if not parts.role.text or not parts.want.text:
        return
    span = _ungrammatical(text, parts)
    if span is not None:
        yield Defect(
            criterion="full_sentence",
            kind="fragment",
            severity="medium",
            message=f'It is no full sentence at "{span.text}".',
            suggestion="Say in a whole sentence what the role wants to do, and with what.",
            span=span,
        )


def _ungrammatical(text: str, parts: Anatomy) -> Span | None:
    want = parts.want
    if not parts.has_subject:
        return story_span(text, parts.role.end, want.start)
    if " " not in want.text and "/" not in want.text:
        return _of(want.text, want.start)
    first = want.text.split(maxsplit=1)[0]
    if parts.is_infinitive and _NO_VERB.fullmatch(first):
        return _of(first, want.start)
    if not parts.is_infinitive and parts.want_verb == "want" and first.casefold() in VERBS:
        second = want.text.split()[1].casefold()
        if second in {"a", "an", "my", "the", "our", "their"}:
            return _of(first, want.start)
    # From before the want, since "be able" and "the ability" lead to it.
    found = _UNGRAMMATICAL.search(text, parts.role.end)
    return story_span(text, *found.span()) if found else None


def _sound(parts: Anatomy) -> Iterator[Defect]:
    benefit, want = parts.benefit, parts.want
    idle = _NO_FEATURE.match(want.text)
    if idle:
        yield Defect(
            criterion="conceptually_sound",
            kind="no_feature",
            severity="medium",
            message=f'"{idle[0]}" is nothing that a product can do.',
            suggestion="Say what the product lets the role do or see.",
            span=_of(idle[0], want.start),
        )
    repeats = _repeats(content_stems(want.text), content_stems(benefit.text))
    if repeats or _ANOTHER_WANT.match(benefit.text):
        yield Defect(
            criterion="conceptually_sound",
            kind="no_rationale",
            severity="medium",
            message="Its benefit repeats the want." if repeats else "Its benefit is another want.",
            suggestion="Say what changes for the role once it has what it wants.",
            span=_of(benefit.text, benefit.start),
        )


def _repeats(want: list[str], benefit: list[str]) -> bool:
    """Whether the benefit says only what the want says, or the whole want again."""
    wanted, gained = set(want), set(benefit)
    if not gained:
        return False
    return gained <= wanted or (len(wanted) > 1 and wanted <= gained)


def _complete(text: str) -> Iterator[Defect]:
    found = _PLACEHOLDER.search(text)
    if found:
        yield Defect(
            criterion="complete",
            kind="placeholder",
            severity="medium",
            message=f'"{found[0].strip()}" stands for something that is missing.',
            suggestion="Write what is meant, or leave it out.",
            span=story_span(text, *found.span()),
        )


def _independent(text: str) -> Iterator[Defect]:
    found = _REFERENCE.search(text)
    if found:
        yield Defect(
            criterion="independent",
            kind="reference",
            severity="medium",
            message=f'"{found[0]}" needs another story to be understood.',
            suggestion="Say here what is meant, so that it can be built and accepted alone.",
            span=story_span(text, *found.span()),
        )


def _of(text: str, start: int) -> Span:
    return Span(field="userStory", start=start, end=start + len(text), text=text)
