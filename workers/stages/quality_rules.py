"""What is wrong with one user story.

Criteria after the Quality User Story framework (Lucassen, Dalpiaz, van der Werf, Brinkkemper:
Improving agile requirements, Requirements Engineering 21, 2016), plus acceptance criteria that
can be tested. They look at form only, and rather miss a defect than report one that is none.
Rules about English wording hold for English stories only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from workers.generation import Defect, Severity, StoryDraft
from workers.stages.text import comparable, one_line

CRITERIA_MIN = 2
CRITERIA_MAX = 8

#: Points that a defect takes from a story's 100.
_POINTS: dict[Severity, int] = {"high": 40, "major": 20, "minor": 5}

_ROLE = re.compile(r"as (?:an? |the )?", re.IGNORECASE)
_WANT = re.compile(
    r",? I (?:only |also |do not |don't )?(?:want|need|wish|expect|would like)\b"
    r"(?: to be able to\b| to\b| that\b)? ?",
    re.IGNORECASE,
)
_BENEFIT = re.compile(r",? (?:so that|so I can|so we can|in order to|because)\b ?", re.IGNORECASE)
_ASIDE = re.compile(r"[.!?] \S|[(\[{]|\bNote:", re.IGNORECASE)
#: A second verb with its own object: "... and delete the others". A bare "and" or "or" joins
#: nouns more often than wants.
_SECOND_WANT = re.compile(
    r"\b(?:and|or|and/or|as well as) (?:I (?:want|need)|(?:also |then |to |to be able to )*"
    r"(?:add|approve|archive|assign|cancel|change|choose|configure|copy|create|delete|download|"
    r"edit|enter|export|find|generate|give|import|invite|manage|move|notify|print|publish|"
    r"receive|reject|remove|rename|replace|restore|save|search|see|select|send|set|share|submit|"
    r"update|upload|view) (?:a|an|all|another|any|each|every|existing|her|his|in|it|its|my|new|"
    r"one|other|our|that|the|their|them|these|this|those)\b)",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_VAGUE_WORDS = (
    "adequate adequately appropriate appropriately easily easy efficient efficiently etc fast "
    "flexible intuitive intuitively nice nicely properly quick quickly reasonable robust seamless "
    "seamlessly smooth smoothly suitable user-friendly"
)
_OBSERVABLE_VERBS = (
    "accepts allows appears are asks blocks can can't cannot changes contains disappears displays "
    "does gets has includes is lists matches must offers opens prevents receives redirects refuses "
    "rejects remains returns saves says sees sends shall should shows stays stores updates was "
    "were will"
)
_VAGUE = frozenset(_VAGUE_WORDS.split())
_OBSERVABLE = frozenset(_OBSERVABLE_VERBS.split())


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Role, want and benefit of a story, each without the words that introduce it."""

    role: str
    want: str
    benefit: str


def parts_of(text: str) -> Parts | None:
    """The parts of an English story on one line; None when role or want are not introduced."""
    role = _ROLE.match(text)
    want = _WANT.search(text, role.end() - 1) if role else None
    if role is None or want is None:
        return None
    benefit = _BENEFIT.search(text, want.end() - 1)
    return Parts(
        role=text[role.end() : want.start()].strip(" ,"),
        want=text[want.end() : benefit.start() if benefit else None].strip(" ,."),
        benefit=text[benefit.end() :].strip(" .") if benefit else "",
    )


def is_english(language: str) -> bool:
    """Whether stories in this language are English; a project that names none means it."""
    return not language.strip() or language.strip().casefold().startswith("en")


def story_defects(
    story: StoryDraft, *, english: bool, allowed_personas: frozenset[str] | None
) -> tuple[Defect, ...]:
    """All defects of one story; `allowed_personas` are comparable, None allows any."""
    found = [*_persona_defects(story, allowed_personas), *_criteria_count_defects(story)]
    if english:
        found += [*_form_defects(story), *_testability_defects(story)]
    return tuple(found)


def score(defects: tuple[Defect, ...]) -> int:
    """100 for a story without defects, 0 for a hopeless one."""
    return max(0, 100 - sum([_POINTS[defect.severity] for defect in defects]))


def want_of(story: StoryDraft) -> str:
    """What two stories must not have in common, comparable: the want, else the whole story."""
    text = one_line(story.user_story)
    parts = parts_of(text)
    return comparable(parts.want if parts else text)


def defect(story: StoryDraft, criterion: str, kind: str, severity: Severity, text: str) -> Defect:
    """A defect of this story."""
    return Defect(
        story=story.position, criterion=criterion, kind=kind, severity=severity, message=text
    )


def _persona_defects(story: StoryDraft, allowed: frozenset[str] | None) -> Iterator[Defect]:
    if allowed is not None and comparable(story.persona) not in allowed:
        yield defect(
            story,
            "persona",
            "not_voiced",
            "high",
            "No card voices this persona. Use one of the cards' personas, named as they name it.",
        )


def _criteria_count_defects(story: StoryDraft) -> Iterator[Defect]:
    count = len(story.acceptance_criteria)
    if not CRITERIA_MIN <= count <= CRITERIA_MAX:
        text = f"It has {count} acceptance criteria. Give it {CRITERIA_MIN} to {CRITERIA_MAX}."
        kind = "too_few" if count < CRITERIA_MIN else "too_many"
        yield defect(story, "acceptance_criteria", kind, "major", text)


def _form_defects(story: StoryDraft) -> Iterator[Defect]:
    text = one_line(story.user_story)
    parts = parts_of(text)
    if parts is None or not parts.role or not parts.want:
        yield defect(
            story,
            "well_formed",
            "no_role_or_want",
            "high",
            "Write it as one sentence: As a ROLE, I want WANT, so that BENEFIT.",
        )
        return
    yield from _want_defects(story, parts)
    if not parts.benefit:
        ending = "Say what the role gains: end it with 'so that BENEFIT'."
        yield defect(story, "well_formed", "no_benefit", "major", ending)
    if _ASIDE.search(text):
        aside = "Keep one sentence; move brackets, notes and further sentences to the criteria."
        yield defect(story, "minimal", "extra_text", "minor", aside)
    if comparable(story.persona) not in comparable(parts.role):
        yield defect(
            story, "uniform", "role_differs", "minor", "Name the persona as the story's role."
        )


def _want_defects(story: StoryDraft, parts: Parts) -> Iterator[Defect]:
    if " " not in parts.want:
        short = "The want is no full sentence. Say what the role wants to do, and with what."
        yield defect(story, "full_sentence", "fragment", "major", short)
    second = _SECOND_WANT.search(parts.want)
    if second:
        joined = f'It joins two wants at "{second.group()}". Keep one, or write two stories.'
        yield defect(story, "atomic", "two_wants", "major", joined)


def _testability_defects(story: StoryDraft) -> Iterator[Defect]:
    criteria = story.acceptance_criteria
    missed = [place for place, text in enumerate(criteria, start=1) if not _testable(text)]
    if not missed:
        return
    numbers = ", ".join(map(str, missed))
    text = (
        f"Acceptance criteria {numbers} cannot be tested. Write: Given ..., when ..., then an "
        "observable result; replace vague words by figures."
    )
    most = 2 * len(missed) > len(criteria)
    yield defect(story, "testable", "not_testable", "major" if most else "minor", text)


def _testable(criterion: str) -> bool:
    condition, then, result = criterion.casefold().rpartition("then ")
    words = set(result.replace(",", " ").replace(".", " ").replace(";", " ").split())
    if not _VAGUE.isdisjoint(words):
        return _DIGIT.search(result) is not None
    if then and ("when " in condition or "given " in condition):
        return True
    return not _OBSERVABLE.isdisjoint(words) or _DIGIT.search(result) is not None
