"""Lint stories: each by itself, then beside each other."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from quality.atomic_rule import atomic
from quality.criteria_rules import enough_criteria, testable
from quality.defects import AnyStory, Defect, score
from quality.duplicates import Budget
from quality.form_rules import benefit, full_sentence, role_and_want, role_of_persona
from quality.minimal_rule import minimal
from quality.reading import Reading, read
from quality.sense_rules import TELLING, complete, feature, independent, rationale
from quality.set_rules import set_defects
from quality.terms import TERMS
from quality.text import PLAIN_SIGNS
from quality.uniform_rules import uniform_defects
from quality.want_rules import estimatable, problem_oriented, unambiguous

#: A story passes with at least this score and no defect of high severity and confidence.
DEFAULT_BAR = 85

_WORDS = re.compile(r"[^\W_]+")
_ORDER = {"high": 0, "medium": 1, "minor": 2}
#: A rule finds one defect of a story, or none.
_OF_ANY_LANGUAGE = (role_and_want, benefit)
_OF_PLAIN_ENGLISH = (*_OF_ANY_LANGUAGE, full_sentence, minimal, rationale)
_OF_ENGLISH = (*_OF_PLAIN_ENGLISH, complete, independent)
_OF_WANTS = (atomic, feature, estimatable)


@dataclass(frozen=True, kw_only=True, slots=True)
class Linted:
    """A story's defects, the worst first, and its score from 0 to 100."""

    defects: tuple[Defect, ...]
    score: int

    @property
    def severe(self) -> bool:
        """Whether it has a defect of high severity that is surely there."""
        return any(defect.is_grave for defect in self.defects)


_FAULTLESS = Linted(defects=(), score=100)


def is_english(language: str) -> bool:
    """Whether stories in this language are English (`en-GB`, `British English`); a project that
    names none means it."""
    first, *others = _WORDS.findall(language.casefold()) or ["en"]
    return first in {"en", "eng"} or "english" in {first, *others}


def lint(
    stories: Sequence[AnyStory],
    *,
    english: bool = True,
    whole_product: bool = False,
    given: Sequence[str] = (),
    budget: Budget | None = None,
) -> list[Linted]:
    """The stories' defects, in their order.

    Args:
        stories: texts on one line, as `quality.text.one_line` makes them.
        english: False leaves out the rules about wording.
        whole_product: these are all stories of the product, so a missing step is a defect.
        given: the texts that the stories were written from.
        budget: of comparing wants; see `quality.duplicates.alike_pairs`.
    """
    readings = [read(story.user_story) for story in stories]
    known = english or any(reading.parts.language for reading in readings)
    found = [
        _alone(story, reading, english=english, known=known, given=given)
        for story, reading in zip(stories, readings, strict=True)
    ]
    placed = set_defects(
        stories, readings, english=english, whole_product=whole_product, budget=budget
    )
    for place, defect in placed:
        found[place].append(defect)
    if english:
        for place, defect in uniform_defects(readings):
            found[place].append(defect)
    return [
        _linted(story, reading, defects)
        for story, reading, defects in zip(stories, readings, found, strict=True)
    ]


def _alone(
    story: AnyStory, reading: Reading, *, english: bool, known: bool, given: Sequence[str]
) -> list[Defect]:
    """What is wrong with a story by itself; `known` says that the set's language is read."""
    if not english:
        rules = _OF_ANY_LANGUAGE if known else ()
        # Its openings are known, its grammar is not.
        found = [replace(defect, confidence="medium") for defect in _found(rules, reading)]
    else:
        found = _in_english(story, reading, given)
    criteria = story.acceptance_criteria
    if criteria is not None:
        found += filter(None, (enough_criteria(criteria), testable(criteria) if english else None))
    return found


def _in_english(story: AnyStory, reading: Reading, given: Sequence[str]) -> list[Defect]:
    plain = reading.signs in PLAIN_SIGNS and TELLING.isdisjoint(reading.words)
    found = _found(_OF_PLAIN_ENGLISH if plain else _OF_ENGLISH, reading)
    if reading.parts.want.text:
        found += _found(_OF_WANTS, reading)
        if not TERMS.isdisjoint(reading.want_words):
            found += filter(None, (unambiguous(reading), problem_oriented(reading, given)))
    differs = story.persona and role_of_persona(reading, story.persona)
    if differs:
        found.append(differs)
    return found


def _found(rules: Sequence[Callable[[Reading], Defect | None]], reading: Reading) -> list[Defect]:
    return [defect for rule in rules if (defect := rule(reading))]


def _linted(story: AnyStory, reading: Reading, defects: list[Defect]) -> Linted:
    if not defects:
        return _FAULTLESS
    if reading.text is not story.user_story:  # read without its Markdown
        defects = [_quoted(story.user_story, defect) for defect in defects]
    ordered = tuple(sorted(defects, key=_order))
    return Linted(defects=ordered, score=score(ordered))


def _order(defect: Defect) -> int:
    return _ORDER[defect.severity]


def _quoted(text: str, defect: Defect) -> Defect:
    """The defect with what reads there in the story itself."""
    span = defect.span
    if span is None or span.field != "userStory":
        return defect
    return replace(defect, span=span._replace(text=text[span.start : span.end]))
