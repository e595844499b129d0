"""Acceptance criteria as steps of Gherkin, in any words."""

import re
from dataclasses import dataclass

from epics.files.gherkin_dialect import Dialect, Step

#: What may stand before a new step.
_BREAK = re.compile(r"[,.;:\uff0c\u3001\u3002\uff1b\uff1a]\s*+|\n\s*+")
#: "And" behind a comma is part of a list as often as not; behind these it begins a step.
_STRONG = frozenset("\n.;\u3002\uff1b")
_BULLETS = "-*\u2022\u00b7 \t"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    step: Step
    text: str


def step_lines(criterion: str, dialect: Dialect) -> list[str]:
    """The criterion's steps, each a line: as its keywords say, else each of its lines as it is."""
    text = criterion.strip().lstrip(_BULLETS)
    parts = _within(_parts(text, dialect), dialect)
    if parts:
        return [dialect.steps[part.step] + part.text for part in parts]
    lines = (" ".join(line.split()) for line in criterion.splitlines())
    return [f"* {line.lstrip(_BULLETS) or line}" for line in lines if line]


def _parts(text: str, dialect: Dialect) -> list[_Part]:
    """Nothing, unless the text opens with a keyword."""
    opened = dialect.opener(text, 0)
    if opened is None or opened[0].joins:
        return []
    parts: list[_Part] = []
    step, begun = opened
    for mark in _BREAK.finditer(text, begun):
        found = _opened(text, mark, dialect)
        if found:
            parts.append(_part(step, text[begun : mark.start()]))
            step, begun = found
    parts.append(_part(step, text[begun:]))
    return [part for part in parts if part.text]


def _opened(text: str, mark: re.Match[str], dialect: Dialect) -> tuple[Step, int] | None:
    """The step that begins behind the break. "And when" is a When."""
    found = dialect.opener(text, mark.end())
    if found is None or not found[0].joins:
        return found
    behind = dialect.opener(text, found[1])
    if behind and not behind[0].joins:
        return behind
    return found if _STRONG.intersection(mark[0]) else None


def _within(parts: list[_Part], dialect: Dialect) -> list[_Part]:
    """The same, where somebody wrote "when" or "then" without a comma before it."""
    for step, begins in ((Step.THEN, (Step.GIVEN, Step.WHEN)), (Step.WHEN, (Step.GIVEN,))):
        if any(part.step is step for part in parts):
            continue
        for place, part in enumerate(parts):
            cut = _cut(part, step, dialect) if part.step in begins else None
            if cut:
                parts = [*parts[:place], *cut, *parts[place + 1 :]]
                break
    return parts


def _cut(part: _Part, step: Step, dialect: Dialect) -> tuple[_Part, _Part] | None:
    word = f" {dialect.steps[step].lower()}"
    before, found, after = part.text.partition(word)
    if not (found.endswith(" ") and before and after):
        return None
    joined = f" {dialect.steps[Step.AND].lower().strip()}"
    return _part(part.step, before.removesuffix(joined)), _part(step, after)


def _part(step: Step, text: str) -> _Part:
    return _Part(step=step, text=" ".join(text.split()))
