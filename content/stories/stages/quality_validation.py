"""Stage 5, quality validation: score the stories, and have a weak set written again once."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

from content.asking import Asked
from content.errors import OutputCut, Refused
from content.pipeline import Calls, Request
from content.stories.answer import NotAStorySet, StorySet
from content.stories.drafts import numbered, with_repair
from content.stories.requests import MAX_CALLS, read_answer, repair_request
from content.stories.values import GenerationInput, PromptContext, StoryDefect, StoryDraft
from epics import bounds
from providers.values import Completion, Usage
from quality.defects import Defect, Span, score
from quality.linter import is_english, lint
from quality.text import comparable

#: What a wrong number of stories takes from the set's score.
_WRONG_COUNT_POINTS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """Scored stories; `score` is the set's, `defects` those of the set as a whole.

    A set passes with a mean score of at least `bar` and no defect of high severity and confidence.
    """

    stories: tuple[StoryDraft, ...]
    #: How many the answer had; `stories` are no more than an epic may have.
    written: int
    score: float
    bar: int
    defects: tuple[StoryDefect, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether nobody needs to write it again."""
        every = chain(self.defects, *(story.defects for story in self.stories))
        severe = any(defect.is_grave for defect in every)
        return self.score >= self.bar and not severe

    @property
    def defect_count(self) -> int:
        """Defects of all stories and of the set."""
        return len(self.defects) + sum([len(story.defects) for story in self.stories])


def validate_quality(
    inp: GenerationInput,
    context: PromptContext,
    generated: Asked[StorySet],
    stories: tuple[StoryDraft, ...],
) -> Calls[Checked]:
    """Scored stories: these, or better ones from one repair call if these are below the bar.

    No call is made when MAX_CALLS are used up. A repair that is refused, cut, unreadable or no
    better changes nothing. Nothing is dropped here: what is still wrong stands in the stories'
    defects.
    """
    first = check(inp, context, stories, written=len(generated.answer.stories))
    if first.passes:
        return first
    if generated.calls >= MAX_CALLS:
        return _noted(first, f"{_figures(first)}; no call was left to repair them")
    completion = yield _repair_request(inp, context, generated, first)
    second = _read(inp, context, first, completion)
    cost = _cost(completion.usage)
    if second is None:
        return _noted(first, f"{_figures(first)}; their repair was not usable, {cost}")
    better = max(first, second, key=_rank)  # of equals the first
    outcome = "kept" if better is second else "not kept"
    return _noted(
        better, f"{_figures(first)}, repaired {_figures(second)}; repair {outcome}, {cost}"
    )


def _cost(usage: Usage | None) -> str:
    if usage is None:
        return "what the call took is unknown"
    return f"the call took {usage.input_tokens:,} tokens in, {usage.output_tokens:,} out"


def _figures(checked: Checked) -> str:
    return f"scored {checked.score:.0f} of 100 with {_counted(checked.defect_count, 'defect')}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def check(
    inp: GenerationInput, context: PromptContext, stories: tuple[StoryDraft, ...], *, written: int
) -> Checked:
    """Find the defects of the stories and of the set, and score them.

    Args:
        written: how many stories the answer had.
    """
    linted = lint(stories, english=is_english(inp.language), given=_given(inp))
    voiced = context.personas if inp.persona_set == "cards" else None
    scored = tuple(
        [
            _scored(story, (*_persona_defects(story, voiced), *found.defects))
            for story, found in zip(stories, linted, strict=True)
        ]
    )
    of_set = _count_defects(inp.story_range, written)
    mean = sum([story.quality_score or 0 for story in scored]) / len(scored)
    return Checked(
        stories=scored,
        written=written,
        score=max(0.0, mean - _WRONG_COUNT_POINTS * len(of_set)),
        bar=inp.quality_bar,
        defects=of_set,
    )


def _given(inp: GenerationInput) -> tuple[str, ...]:
    """What the stories were written from; a product that it names is no solution of theirs."""
    project, epic = inp.project, inp.epic
    cards = chain.from_iterable((card.title, card.statement, *card.systems) for card in inp.cards)
    return (
        project.name,
        project.description,
        project.context,
        epic.title,
        epic.description,
        *epic.acceptance_criteria,
        *cards,
    )


def _scored(story: StoryDraft, found: tuple[Defect, ...]) -> StoryDraft:
    """With the defects that it has, of being too large, and those that were found."""
    defects = story.defects + tuple(
        [
            StoryDefect(
                story=story.position,
                criterion=defect.criterion,
                kind=defect.kind,
                severity=defect.severity,
                # It may quote a whole story, and is no longer than any text that is stored.
                message=defect.message[: bounds.TEXT_CHARS],
                suggestion=defect.suggestion,
                span=defect.span,
                confidence=defect.confidence,
                counts=defect.counts,
            )
            for defect in found
        ]
    )
    defects = defects[: bounds.LIST_ENTRIES]
    return story.scored(score(defects), defects)


def _persona_defects(story: StoryDraft, voiced: frozenset[str] | None) -> Iterator[Defect]:
    if voiced is not None and comparable(story.persona) not in voiced:
        yield Defect(
            criterion="persona",
            kind="not_voiced",
            severity="high",
            message="No card voices this persona.",
            suggestion="Use one of the cards' personas, named as they name it.",
            span=Span(field="persona", start=0, end=len(story.persona), text=story.persona),
        )


def _count_defects(wanted: tuple[int, int], count: int) -> tuple[StoryDefect, ...]:
    low, high = wanted
    if low <= count <= high:
        return ()
    return (
        StoryDefect(
            story=0,
            criterion="story_count",
            kind="too_few" if count < low else "too_many",
            severity="high" if count > bounds.MAX_STORIES_OF_EPIC else "medium",
            message=f"The answer has {count:,} stories.",
            suggestion=f"Write {low} to {high}.",
        ),
    )


def _repair_request(
    inp: GenerationInput, context: PromptContext, generated: Asked[StorySet], weak: Checked
) -> Request:
    return repair_request(
        inp,
        context,
        key="repair-quality",
        max_tokens=generated.max_tokens,
        previous=numbered(weak.stories),
        defects=weak.defects + tuple(d for story in weak.stories for d in story.defects),
    )


def _read(
    inp: GenerationInput, context: PromptContext, first: Checked, completion: Completion
) -> Checked | None:
    """The second set, checked, or the first with what was written again; None when the call
    brought none."""
    try:
        answer = read_answer(inp, completion)
    except (Refused, OutputCut, NotAStorySet):
        return None
    stories, written = with_repair(inp.epic.code, first.stories, answer)
    return check(inp, context, stories, written=written)


def _rank(checked: Checked) -> tuple[bool, float]:
    return (checked.passes, checked.score)


def _noted(checked: Checked, text: str) -> Checked:
    remaining = tuple(f"{defect.message} {defect.suggestion}" for defect in checked.defects)
    return replace(checked, notes=(f"{checked.written:,} stories {text}", *remaining))
