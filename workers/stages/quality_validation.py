"""Stage 5, quality validation: score the stories, and have a weak set written again once."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from workers.generation import (
    STORY_RANGES,
    Defect,
    GenerationInput,
    OutputCut,
    Refused,
    StoryDraft,
)
from workers.stages.answer import NotAStorySet
from workers.stages.component_generation import (
    MAX_CALLS,
    Complete,
    Generated,
    first_request,
    read_answer,
    repair_request,
)
from workers.stages.context_building import PromptContext
from workers.stages.quality_rules import defect, is_english, score, story_defects, want_of
from workers.stages.template_assembly import as_answer, assemble
from workers.stages.text import comparable

#: A set passes with at least this mean score and no defect of high severity.
QUALITY_BAR = 85
#: What a wrong number of stories takes from the set's score.
_WRONG_COUNT_POINTS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """Scored stories; `score` is the set's, `defects` those of the set as a whole."""

    stories: tuple[StoryDraft, ...]
    score: float
    defects: tuple[Defect, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether nobody needs to write it again."""
        severe = any(d.severity == "high" for story in self.stories for d in story.defects)
        return self.score >= QUALITY_BAR and not severe


def validate_quality(
    inp: GenerationInput,
    context: PromptContext,
    generated: Generated,
    stories: tuple[StoryDraft, ...],
    complete: Complete,
) -> Checked:
    """Scored stories: these, or better ones from one repair call if these are below the bar.

    No call is made when MAX_CALLS are used up. A repair that is refused, cut, unreadable or no
    better changes nothing; what `complete` raises comes through. Nothing is dropped: what is
    still wrong stands in the stories' defects.
    """
    first = check(inp, context, stories)
    if first.passes:
        return first
    if generated.calls >= MAX_CALLS:
        return _noted(first, f"scored {first.score:.0f} of 100; no call was left to repair them")
    second = _repaired(inp, context, generated, first, complete)
    if second is None:
        return _noted(first, f"scored {first.score:.0f} of 100; their repair was not usable")
    better = max(first, second, key=_rank)  # of equals the first
    outcome = "kept" if better is second else "not kept"
    return _noted(
        better, f"scored {first.score:.0f} of 100, repaired {second.score:.0f}; repair {outcome}"
    )


def check(inp: GenerationInput, context: PromptContext, stories: tuple[StoryDraft, ...]) -> Checked:
    """Find the defects of the stories and of the set, and score them."""
    english = is_english(inp.project.language)
    allowed = context.personas if inp.persona_set == "cards" else None
    repeated = _repetitions(stories)
    scored: list[StoryDraft] = []
    for story in stories:
        found = story_defects(story, english=english, allowed_personas=allowed)
        found += repeated.get(story.position, ())
        scored.append(replace(story, defects=found, quality_score=score(found)))
    of_set = _count_defects(inp.mode, len(stories))
    mean = sum([story.quality_score or 0 for story in scored]) / len(scored)
    return Checked(
        stories=tuple(scored),
        score=max(0.0, mean - _WRONG_COUNT_POINTS * len(of_set)),
        defects=of_set,
    )


def _repetitions(stories: Iterable[StoryDraft]) -> dict[int, tuple[Defect, ...]]:
    """Position -> the defect of a story whose title or want an earlier one has."""
    titles: dict[str, int] = {}
    wants: dict[str, int] = {}
    repeated: dict[int, tuple[Defect, ...]] = {}
    for story in stories:
        same_title = titles.setdefault(comparable(story.title), story.position)
        same_want = wants.setdefault(want_of(story), story.position)
        earlier = min(same_title, same_want)
        if earlier < story.position:
            text = f"It says the same as story {earlier}. Replace it by a want of its own."
            repeated[story.position] = (defect(story, "unique", "repeated", "major", text),)
    return repeated


def _count_defects(mode: str, count: int) -> tuple[Defect, ...]:
    low, high = STORY_RANGES[mode]
    if low <= count <= high:
        return ()
    text = f"The answer has {count} stories. Write {low} to {high}."
    kind = "too_few" if count < low else "too_many"
    return (Defect(story=0, criterion="story_count", kind=kind, severity="major", message=text),)


def _repaired(
    inp: GenerationInput,
    context: PromptContext,
    generated: Generated,
    weak: Checked,
    complete: Complete,
) -> Checked | None:
    """The second set, checked; None when the call brought none."""
    request = replace(first_request(inp, context), max_tokens=generated.max_tokens)
    defects = weak.defects + tuple(d for story in weak.stories for d in story.defects)
    request = repair_request(request, previous=as_answer(weak.stories), defects=defects)
    try:
        answer = read_answer(complete(request))
    except (Refused, OutputCut, NotAStorySet):
        return None
    return check(inp, context, assemble(inp.epic.code, answer))


def _rank(checked: Checked) -> tuple[bool, float]:
    return (checked.passes, checked.score)


def _noted(checked: Checked, text: str) -> Checked:
    remaining = tuple(defect.message for defect in checked.defects)
    return replace(checked, notes=(f"{len(checked.stories)} stories {text}", *remaining))
