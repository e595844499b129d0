"""Stage 5, quality validation: score the page, and have what is weak written again once."""

from content.asking import MOST_CALLS
from content.errors import OutputCut, Refused
from content.pages.answer import NotAPage
from content.pages.checks.check import OF_THE_WHOLE, Checked, check
from content.pages.drafts import Generated, as_answer, rewritten
from content.pages.requests import quality_repair, read_answer
from content.pages.sizing import fitting
from content.pages.values import GenerationInput, PageDraft, PromptContext
from content.pipeline import Calls
from providers.values import Completion
from quality.defects import score


def validate_quality(
    inp: GenerationInput, context: PromptContext, generated: Generated, draft: PageDraft
) -> Calls[tuple[PageDraft, tuple[str, ...]]]:
    """The page with its score, or a better one from one repair call; and notes on that.

    What is written again are the components with defects, as many as fit into one answer, and the
    meta texts. A repair that is refused, cut, unreadable or no better changes nothing. What is
    still wrong stands in the page's defects.
    """
    first = check(inp, draft)
    if first.passes:
        return first.draft, ()
    if generated.calls >= MOST_CALLS * len(context.parts):
        return first.draft, (f"{_figures(first)}; no call was left to repair it",)
    places = _to_rewrite(inp, first.draft)
    completion = yield quality_repair(
        inp,
        context,
        places,
        max_tokens=generated.max_tokens,
        previous=as_answer(first.draft, places),
        defects=[each for each in first.draft.defects if each.component - 1 in (-1, *places)],
    )
    second = _read(inp, first.draft, places, completion)
    if second is None:
        return first.draft, (f"{_figures(first)}; its repair was not usable",)
    better = max(first, second, key=_rank)  # of equals the first
    outcome = "kept" if better is second else "not kept"
    return better.draft, (f"{_figures(first)}, repaired {_figures(second)}; repair {outcome}",)


def _to_rewrite(inp: GenerationInput, draft: PageDraft) -> tuple[int, ...]:
    """Places of the components, from 0, that one call can write again: the worst first come in."""
    weights = {place: _weight(draft, place + 1) for place in range(len(draft.components))}
    if not any(each.criterion in OF_THE_WHOLE for each in draft.defects):
        weights = {place: weight for place, weight in weights.items() if weight}
    worst = sorted(weights, key=lambda place: -weights[place])
    return tuple(sorted(fitting(inp, worst)))


def _weight(draft: PageDraft, place: int) -> int:
    return 100 - score([each for each in draft.defects if each.component == place])


def _read(
    inp: GenerationInput, draft: PageDraft, places: tuple[int, ...], completion: Completion
) -> Checked | None:
    """The page with what was written again, checked; None when the call brought nothing."""
    try:
        answer = read_answer(completion)
    except (Refused, OutputCut, NotAPage):
        return None
    return check(inp, rewritten(inp, draft, places, answer))


def _rank(checked: Checked) -> tuple[bool, int]:
    return (checked.passes, checked.score)


def _figures(checked: Checked) -> str:
    count = len(checked.draft.defects)
    return f"scored {checked.score} of 100 with {count} {'defect' if count == 1 else 'defects'}"
