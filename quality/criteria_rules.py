"""Rules about acceptance criteria: how many, and whether each can be tested."""

import re
from collections.abc import Sequence

from quality.defects import Defect, Span
from quality.text import word_set, words_in

CRITERIA_MIN = 2
CRITERIA_MAX = 8

_DIGIT = re.compile(r"\d")
_VAGUE = word_set(
    "adequate adequately appropriate appropriately easily easy efficient efficiently etc fast "
    "flexible friendly intuitive intuitively nice nicely properly quick quickly reasonable robust "
    "seamless seamlessly smooth smoothly suitable"
)
_OBSERVABLE = word_set(
    "accepts allows appears are asks blocks can cannot changes contains disappears "
    "displays does gets has includes is lists matches must offers opens prevents receives "
    "redirects refuses rejects remains returns saves says sees sends shall should shows stays "
    "stores updates was were will"
)


def enough_criteria(criteria: tuple[str, ...]) -> Defect | None:
    """Whether there are CRITERIA_MIN to CRITERIA_MAX of them; holds in any language."""
    count = len(criteria)
    if CRITERIA_MIN <= count <= CRITERIA_MAX:
        return None
    return Defect(
        criterion="acceptance_criteria",
        kind="too_few" if count < CRITERIA_MIN else "too_many",
        severity="medium",
        message=f"It has {count} acceptance criteria.",
        suggestion=f"Give it {CRITERIA_MIN} to {CRITERIA_MAX}.",
    )


def testable(criteria: tuple[str, ...]) -> Defect | None:
    """Whether each is Given/When/Then or something that can be observed or measured."""
    parts = [text.casefold().rpartition("then ") for text in criteria]
    missed = (
        []
        if _all_testable(parts)
        else [place for place, part in enumerate(parts) if not _testable(*part)]
    )
    if not missed:
        return None
    numbers = ", ".join(str(place + 1) for place in missed)
    first = criteria[missed[0]]
    return Defect(
        criterion="testable",
        kind="not_testable",
        severity="medium" if 2 * len(missed) > len(criteria) else "minor",
        confidence="medium",
        message=f"Acceptance criteria that cannot be tested: {numbers}.",
        suggestion="Write: Given ..., when ..., then a result to observe; figures for vague words.",
        span=Span(field=f"acceptanceCriteria[{missed[0]}]", start=0, end=len(first), text=first),
    )


def _all_testable(parts: Sequence[tuple[str, str, str]]) -> bool:
    """Whether all are Given/When/Then without a vague word, as most are."""
    for condition, then, _ in parts:
        if not then or ("when " not in condition and "given " not in condition):
            return False
    return _VAGUE.isdisjoint(words_in(" ".join([result for _, _, result in parts])))


def _testable(condition: str, then: str, result: str) -> bool:
    words = words_in(result)
    if not _VAGUE.isdisjoint(words):
        return _DIGIT.search(result) is not None
    if then and ("when " in condition or "given " in condition):
        return True
    return not _OBSERVABLE.isdisjoint(words) or _DIGIT.search(result) is not None
