"""How often the linter is right on the held-out sample; `python -m tests.unit.quality.measuring`
prints it for a half.

Both readings count where they agree; where one reader alone marked a kind, the mark is disputed
and counts neither for nor against anything.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any

from quality.defects import StoryText
from quality.linter import lint
from quality.text import one_line

HELD_OUT = Path(__file__).parents[2] / "data" / "held_out"
HIGH = frozenset({"no_role_or_want", "two_wants", "repeated"})
#: Of a whole product; an excerpt cannot show it.
_NOT_JUDGED = frozenset({"missing_step"})
#: Of the normal distribution, for 95 %.
_Z = 1.96
Marks = Mapping[str, frozenset[str]]
#: Stories of a set and what their writer was given, to the kinds that are found in each.
Finder = Callable[[list[str], str, str], list[set[str]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """Marks that were found, findings without a mark, and marks that were not found."""

    both: int
    extra: int
    missed: int

    @property
    def precision(self) -> float | None:
        """The share of findings that are marks; None where nothing was found."""
        found = self.both + self.extra
        return self.both / found if found else None

    @property
    def recall(self) -> float | None:
        """The share of marks that were found; None where nothing was marked."""
        marked = self.both + self.missed
        return self.both / marked if marked else None


def interval(part: int, whole: int) -> tuple[float, float]:
    """Wilson's interval of a share, at 95 %."""
    if not whole:
        return 0.0, 1.0
    share = part / whole
    middle = share + _Z**2 / (2 * whole)
    spread = _Z * sqrt(share * (1 - share) / whole + _Z**2 / (4 * whole**2))
    return (middle - spread) / (1 + _Z**2 / whole), (middle + spread) / (1 + _Z**2 / whole)


@cache
def sets(half: str) -> tuple[dict[str, Any], ...]:
    """The sets of a half: development or held_out."""
    every = json.loads((HELD_OUT / "stories.json").read_text())["sets"]
    return tuple([one for one in every if one["half"] == half])


@cache
def marks(reading: str) -> Marks:
    """The kinds that a reader marked, by story: first or second."""
    found: dict[str, set[str]] = defaultdict(set)
    for mark in json.loads((HELD_OUT / f"labels_{reading}.json").read_text())["labels"]:
        found[mark["story"]].add(mark["kind"])
    return {story: frozenset(kinds) for story, kinds in found.items()}


def found_by_linter(texts: list[str], language: str, given: str) -> list[set[str]]:
    """What the linter finds in the stories of a set."""
    stories = [StoryText(user_story=one_line(text)) for text in texts]
    results = lint(stories, english=language == "en", given=[given])
    return [{defect.kind for defect in one.defects} - _NOT_JUDGED for one in results]


def counts(half: str, finder: Finder = found_by_linter) -> dict[str, Count]:
    """Counts of each kind, and of all kinds of high severity as "high"."""
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    for story, kinds in found_in(half, finder).items():
        first, second = _marked(story)
        for kind in first | second | kinds:
            if (kind in first) != (kind in second):
                continue
            outcome = "missed" if kind not in kinds else "both" if kind in first else "extra"
            tallies[kind][outcome] += 1
            if kind in HIGH:
                tallies["high"][outcome] += 1
    return {
        kind: Count(both=tally["both"], extra=tally["extra"], missed=tally["missed"])
        for kind, tally in tallies.items()
    }


def found_in(half: str, finder: Finder = found_by_linter) -> dict[str, set[str]]:
    """The kinds that are found in each story of a half."""
    found: dict[str, set[str]] = {}
    for one in sets(half):
        texts = [story["text"] for story in one["stories"]]
        kinds = finder(texts, one["language"], one.get("input", ""))
        found |= {story["id"]: own for story, own in zip(one["stories"], kinds, strict=True)}
    return found


def clean_with_high(half: str) -> tuple[int, int]:
    """Stories in which neither reader marked anything: those with a high finding, and all."""
    found = found_in(half)
    clean = [story for story in found if not any(_marked(story))]
    return sum(1 for story in clean if found[story] & HIGH), len(clean)


def kappa(kind: str, stories: Iterable[str]) -> float | None:
    """Cohen's kappa of the two readings; None where neither marked the kind."""
    pairs = Counter((kind in first, kind in second) for first, second in map(_marked, stories))
    total = pairs.total()
    agreed = (pairs[True, True] + pairs[False, False]) / total
    one = (pairs[True, True] + pairs[True, False]) / total
    other = (pairs[True, True] + pairs[False, True]) / total
    by_chance = one * other + (1 - one) * (1 - other)
    return None if by_chance == 1 else (agreed - by_chance) / (1 - by_chance)


def _marked(story: str) -> tuple[frozenset[str], frozenset[str]]:
    nothing: frozenset[str] = frozenset()
    return marks("first").get(story, nothing), marks("second").get(story, nothing)


def table(half: str) -> str:
    """A row of Markdown for each kind: counts, shares with their intervals, kappa."""
    found = counts(half)
    stories = [story["id"] for one in sets(half) for story in one["stories"]]
    rows = ["| kind | marked | found | wrongly | precision | recall | kappa |"]
    rows.append("| --- | --- | --- | --- | --- | --- | --- |")
    for kind in sorted(found, key=lambda kind: (kind != "high", -_marks_of(found[kind]))):
        one = found[kind]
        precision = _share(one.both, one.both + one.extra)
        recall = _share(one.both, _marks_of(one))
        agreed = None if kind == "high" else kappa(kind, stories)
        told = "-" if agreed is None else f"{agreed:.2f}"
        rows.append(
            f"| {kind} | {_marks_of(one)} | {one.both} | {one.extra} | {precision} | {recall} "
            f"| {told} |"
        )
    wrong, clean = clean_with_high(half)
    rows.append(f"\nClean stories with a high finding: {wrong} of {clean}.")
    return "\n".join(rows)


def _marks_of(count: Count) -> int:
    return count.both + count.missed


def _share(part: int, whole: int) -> str:
    if not whole:
        return "-"
    low, high = interval(part, whole)
    return f"{part / whole:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    sys.stdout.write(f"{table(sys.argv[1])}\n")
