"""Rules about stories beside each other: unique, conflict-free, complete."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from quality.defects import AnyStory, Defect, Span
from quality.duplicates import Budget, alike_pairs
from quality.form_rules import part_span
from quality.reading import Reading
from quality.text import comparable, content_stems, stem, word_set
from quality.uniform_rules import Placed

_NEGATIONS = word_set("never no nobody none not without")
#: Stories without a negation that one with it is held against.
_MOST_HELD_AGAINST = 200
_LEAST_COMMON = 2
_LEAST_SHARE = 0.8
_CHANGING = frozenset({"edit", "update", "change", "modify", "delete", "remove", "rename"})
_CREATING = word_set(
    "add allow apply approve assign attach book build collect create define deposit design draw "
    "enable enter fill generate give grant have import include insert invite issue log make mint "
    "name open organise organize pick place plan post prepare produce propose publish put receive "
    "record register request save schedule select send set sign specify start store submit upload "
    "write"
)
_OBJECT_ENDS = re.compile(
    r"\b(?:and|as|at|by|for|from|if|in|into|of|on|or|so|that|to|until|via|when|where|which|who|"
    r"with|without)\b|[,;:(/]",
    re.IGNORECASE,
)


def set_defects(
    stories: Sequence[AnyStory],
    readings: Sequence[Reading],
    *,
    english: bool,
    whole_product: bool,
    budget: Budget | None = None,
) -> Iterator[Placed]:
    """What is wrong with stories because of the others in the set.

    Args:
        readings: the stories as they are read.
        whole_product: the set is all that is planned, so what it lacks is missing.
        budget: of comparing wants; see `alike_pairs`.
    """
    yield from _unique(stories, readings, budget)
    if not english:
        return
    yield from _conflict_free(readings)
    if whole_product:
        yield from _complete(readings)


def _unique(
    stories: Sequence[AnyStory], readings: Sequence[Reading], budget: Budget | None
) -> Iterator[Placed]:
    wants = [reading.want for reading in readings]
    told: set[int] = set()
    named: set[int] = set()
    for pair in alike_pairs(wants, budget, longer=True):
        first, second = pair.first, pair.second
        if second in told:
            continue
        told.add(second)
        yield second, _one_of_pair(readings[second], first, same=pair.same, counts=True)
        if first not in told and first not in named:  # once, however many repeat it
            named.add(first)
            yield first, _one_of_pair(readings[first], second, same=pair.same, counts=False)
    titles: dict[str, int] = {}
    for place, story in enumerate(stories):
        title = comparable(story.title) if story.title else ""
        first = titles.setdefault(title, place) if title else place
        if first != place and place not in told:
            yield place, _same_title(story.title, first)


def _one_of_pair(reading: Reading, other: int, *, same: bool, counts: bool) -> Defect:
    wants = "the same as" if same else "almost what"
    return Defect(
        criterion="unique",
        kind="repeated" if same else "alike",
        severity="high" if same else "medium",
        confidence="high" if same else "medium",
        message=f"It wants {wants} story {other + 1}{'' if same else ' wants'}.",
        suggestion="Keep one of the two, with a want of its own; or give the want to one role.",
        span=_want_span(reading),
        counts=counts,
    )


def _same_title(title: str, first: int) -> Defect:
    return Defect(
        criterion="unique",
        kind="same_title",
        severity="medium",
        message=f"It has the title of story {first + 1}.",
        suggestion="Name in the title what sets it apart.",
        span=Span(field="title", start=0, end=len(title), text=title),
    )


def _conflict_free(readings: Sequence[Reading]) -> Iterator[Placed]:
    """Two wants that say the same, one of them negated."""
    negated = [place for place, one in enumerate(readings) if _is_negated(one)]
    if not negated:
        return
    others = set(range(len(readings))).difference(negated)
    meant = [_meant(reading) for reading in readings]
    by_stem: dict[str, list[int]] = defaultdict(list)
    for place, stems in enumerate(meant):
        if place in others:
            for one in stems:
                by_stem[one].append(place)
    for place in negated:
        for other in _near(meant[place], by_stem):
            if _says_the_same(readings, meant, place, other):
                first, second = sorted((place, other))
                yield first, _opposed(readings[first], second, counts=False)
                yield second, _opposed(readings[second], first, counts=True)
                break


def _near(stems: frozenset[str], by_stem: dict[str, list[int]]) -> list[int]:
    """The first stories that share as many stems as wants that say the same."""
    shared: Counter[int] = Counter()
    for one in stems:
        shared.update(by_stem[one][:_MOST_HELD_AGAINST])
    return sorted(other for other, count in shared.items() if count >= _LEAST_COMMON)


def _is_negated(reading: Reading) -> bool:
    return reading.parts.is_negated or not _NEGATIONS.isdisjoint(reading.want_words)


def _meant(reading: Reading) -> frozenset[str]:
    return frozenset(content_stems(reading.want_words)) - _NEGATIONS


def _says_the_same(
    readings: Sequence[Reading], meant: Sequence[frozenset[str]], one: int, other: int
) -> bool:
    small, large = sorted((meant[one], meant[other]), key=len)
    if small <= large:
        return 2 * len(small) >= len(large)
    if 2 * len(small & large) < len(large):
        return False
    # "trainers not to see my number" and, as a trainer, "to see the members' number".
    whole = [meant[place] | _role_stems(readings[place]) for place in (one, other)]
    common = len(whole[0] & whole[1])
    return common > _LEAST_COMMON and common >= _LEAST_SHARE * len(whole[0] | whole[1])


def _role_stems(reading: Reading) -> set[str]:
    return set(content_stems(comparable(reading.parts.role.text).split()))


def _opposed(reading: Reading, other: int, *, counts: bool) -> Defect:
    return Defect(
        criterion="conflict_free",
        kind="opposed",
        severity="medium",
        confidence="medium",
        message=f"It contradicts story {other + 1}.",
        suggestion="Say for which case each of them holds, or drop one.",
        span=_want_span(reading),
        counts=counts,
    )


def _complete(readings: Sequence[Reading]) -> Iterator[Placed]:
    """Things that are changed or deleted, and that no story creates."""
    created: set[str] = set()
    changed: list[tuple[int, str, str]] = []
    for place, reading in enumerate(readings):
        verb, _, rest = reading.parts.want.text.partition(" ")
        verb = verb.casefold()
        if verb in _CHANGING:
            named = content_stems(comparable(_OBJECT_ENDS.split(rest, maxsplit=1)[0]).split())
            changed += [(place, verb, thing) for thing in named[-1:]]
        if verb in _CREATING or not reading.parts.is_infinitive:
            created.update(map(stem, reading.want_words))
    for place, verb, thing in changed:
        if thing not in created:
            yield (
                place,
                Defect(
                    criterion="complete",
                    kind="missing_step",
                    severity="minor",
                    confidence="low",
                    message=f"No story creates what it wants to {verb}.",
                    suggestion="Add the story that creates it, or say where it comes from.",
                    span=_want_span(readings[place]),
                ),
            )


def _want_span(reading: Reading) -> Span | None:
    want = reading.parts.want
    return part_span(want) if want.text else None
