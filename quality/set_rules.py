"""Rules about stories beside each other: unique, uniform, conflict-free, complete."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from quality.anatomy import Anatomy
from quality.defects import Defect, Span, StoryText
from quality.duplicates import Budget, alike_pairs
from quality.text import comparable, content_stems, stem, word_set

#: A story's place in its set, and what is wrong with it there.
Placed = tuple[int, Defect]

#: In a smaller set no wording is the rule.
_LEAST_FOR_A_RULE = 3
_RULING_WANT = "want"
_RULING_BENEFIT = "so that"
_NEGATION = re.compile(
    r"\b(?:not|never|no|don't|cannot|can't|without|prevent|avoid)\b", re.IGNORECASE
)
_NEGATIONS = frozenset({"not", "never", "no", "don", "cannot", "can", "t", "prevent", "avoid"})
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
    stories: Sequence[StoryText],
    parts: Sequence[Anatomy],
    *,
    english: bool,
    whole_product: bool,
    budget: Budget | None = None,
) -> Iterator[Placed]:
    """What is wrong with stories because of the others in the set.

    Args:
        parts: the anatomy of each story.
        whole_product: the set is all that is planned, so what it lacks is missing.
        budget: of comparing wants; see `alike_pairs`.
    """
    wants = [
        comparable(part.want.text or story.user_story)
        for story, part in zip(stories, parts, strict=True)
    ]
    yield from _unique(stories, parts, wants, budget)
    if not english:
        return
    yield from _uniform(parts)
    yield from _conflict_free(parts)
    if whole_product:
        yield from _complete(parts)


def _unique(
    stories: Sequence[StoryText],
    parts: Sequence[Anatomy],
    wants: Sequence[str],
    budget: Budget | None,
) -> Iterator[Placed]:
    told: set[int] = set()
    for pair in alike_pairs(wants, budget):
        if pair.second in told:
            continue
        told.add(pair.second)
        part = parts[pair.second].want
        yield (
            pair.second,
            Defect(
                criterion="unique",
                kind="repeated" if pair.same else "alike",
                severity="high" if pair.same else "medium",
                message=f"It wants {'the same as' if pair.same else 'almost what'} "
                f"story {pair.first + 1}{'' if pair.same else ' wants'}.",
                suggestion="Replace it by a want of its own, or give the want to one role.",
                span=_want_span(part.text, part.start),
            ),
        )
    titles: dict[str, int] = {}
    for place, story in enumerate(stories):
        title = comparable(story.title)
        first = titles.setdefault(title, place) if title else place
        if first != place and place not in told:
            yield (
                place,
                Defect(
                    criterion="unique",
                    kind="same_title",
                    severity="medium",
                    message=f"It has the title of story {first + 1}.",
                    suggestion="Name in the title what sets it apart.",
                    span=Span(field="title", start=0, end=len(story.title), text=story.title),
                ),
            )


def _uniform(parts: Sequence[Anatomy]) -> Iterator[Placed]:
    verbs = [_plain_verb(part.want_verb) for part in parts]
    intros = [part.benefit_intro for part in parts]
    verb, intro = _ruling(verbs, _RULING_WANT), _ruling(intros, _RULING_BENEFIT)
    for place, (own_verb, own_intro) in enumerate(zip(verbs, intros, strict=True)):
        odd = [
            f'"{own}" where the others say "{rule}"'
            for own, rule in ((own_verb, verb), (own_intro, intro))
            if own and own != rule
        ]
        if odd:
            yield (
                place,
                Defect(
                    criterion="uniform",
                    kind="wording",
                    severity="minor",
                    message=f"It says {' and '.join(odd)}.",
                    suggestion="Write all stories in one template.",
                ),
            )


def _plain_verb(verb: str) -> str:
    return next((word for word in ("want", "need", "wish", "expect") if word in verb), verb)


def _ruling(values: Sequence[str], default: str) -> str:
    """What most of those that say something say; the usual wording in a small set."""
    counts = Counter(filter(None, values))
    value, count = counts.most_common(1)[0] if counts else (default, 0)
    rules = count >= _LEAST_FOR_A_RULE and 2 * count > counts.total()
    return value if rules else default


def _conflict_free(parts: Sequence[Anatomy]) -> Iterator[Placed]:
    """Two wants with the same words, one of them negated."""
    by_words: dict[frozenset[str], dict[bool, int]] = defaultdict(dict)
    for place, part in enumerate(parts):
        words = frozenset(content_stems(part.want.text)) - _NEGATIONS
        if len(words) < 2:
            continue
        said = f"{part.want_verb} {part.want.text}"
        negated = _NEGATION.search(said) is not None
        seen = by_words[words]
        if (not negated) in seen:
            yield (
                place,
                Defect(
                    criterion="conflict_free",
                    kind="opposed",
                    severity="medium",
                    message=f"It contradicts story {seen[not negated] + 1}.",
                    suggestion="Say for which case each of them holds, or drop one.",
                    span=_want_span(part.want.text, part.want.start),
                ),
            )
        seen.setdefault(negated, place)


def _complete(parts: Sequence[Anatomy]) -> Iterator[Placed]:
    """Things that are changed or deleted, and that no story creates."""
    created: set[str] = set()
    changed: list[tuple[int, str, str]] = []
    for place, part in enumerate(parts):
        verb, _, rest = part.want.text.partition(" ")
        verb = verb.casefold()
        if verb in _CHANGING:
            named = content_stems(_OBJECT_ENDS.split(rest, maxsplit=1)[0])
            changed += [(place, verb, thing) for thing in named[-1:]]
        if verb in _CREATING or not part.is_infinitive:
            created.update(map(stem, comparable(part.want.text).split()))
    for place, verb, thing in changed:
        if thing not in created:
            want = parts[place].want
            yield (
                place,
                Defect(
                    criterion="complete",
                    kind="missing_step",
                    severity="minor",
                    message=f"No story creates what it wants to {verb}.",
                    suggestion="Add the story that creates it, or say where it comes from.",
                    span=_want_span(want.text, want.start),
                ),
            )


def _want_span(text: str, start: int) -> Span | None:
    return Span(field="userStory", start=start, end=start + len(text), text=text) if text else None
