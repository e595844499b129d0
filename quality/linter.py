"""Lint stories: each by itself, then beside each other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from quality.anatomy import Anatomy, anatomy
from quality.criteria_rules import count_defects, testability_defects
from quality.defects import Defect, StoryText, score
from quality.duplicates import Budget
from quality.form_rules import form_defects
from quality.set_rules import set_defects
from quality.want_rules import want_defects

#: A story passes with at least this score and no defect of high severity.
DEFAULT_BAR = 85

_WORDS = re.compile(r"[^\W_]+")
_ORDER = {"high": 0, "medium": 1, "minor": 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Linted:
    """A story's defects, the worst first, and its score from 0 to 100."""

    defects: tuple[Defect, ...]
    score: int

    @property
    def severe(self) -> bool:
        """Whether it has a defect of high severity."""
        return any(defect.severity == "high" for defect in self.defects)


def is_english(language: str) -> bool:
    """Whether stories in this language are English (`en-GB`, `British English`); a project that
    names none means it."""
    first, *others = _WORDS.findall(language.casefold()) or ["en"]
    return first in {"en", "eng"} or "english" in {first, *others}


def lint(
    stories: Sequence[StoryText],
    *,
    english: bool = True,
    whole_product: bool = False,
    budget: Budget | None = None,
) -> list[Linted]:
    """The stories' defects, in their order.

    Args:
        stories: texts on one line, as `quality.text.one_line` makes them.
        english: False leaves out the rules about wording.
        whole_product: these are all stories of the product, so a missing step is a defect.
        budget: of comparing wants; see `quality.duplicates.alike_pairs`.
    """
    parts = [anatomy(story.user_story) for story in stories]
    found = [
        _alone(story, part, english=english) for story, part in zip(stories, parts, strict=True)
    ]
    placed = set_defects(
        stories, parts, english=english, whole_product=whole_product, budget=budget
    )
    for place, defect in placed:
        found[place].append(defect)
    return [_linted(defects) for defects in found]


def _alone(story: StoryText, parts: Anatomy, *, english: bool) -> list[Defect]:
    found: list[Defect] = []
    if english:
        found += form_defects(story.user_story, parts, persona=story.persona)
        if parts.role.text and parts.want.text:
            found += want_defects(story.user_story, parts)
    if story.acceptance_criteria is not None:
        found += count_defects(story.acceptance_criteria)
        if english:
            found += testability_defects(story.acceptance_criteria)
    return found


def _linted(defects: list[Defect]) -> Linted:
    ordered = tuple(sorted(defects, key=lambda defect: _ORDER[defect.severity]))
    return Linted(defects=ordered, score=score(ordered))
