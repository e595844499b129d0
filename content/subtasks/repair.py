"""The check of an answer, and the one call that mends it."""

from dataclasses import dataclass

from content.asking import Asked
from content.errors import OutputCut, Refused
from content.pipeline import Calls
from content.rewriting import rewritten
from content.subtasks.answer import NotASubtaskSet, SubtaskSet
from content.subtasks.coverage import set_defects, uncovered
from content.subtasks.drafts import assemble
from content.subtasks.requests import MAX_CALLS, read_answer, repair_request
from content.subtasks.values import BreakdownInput, PromptContext, SubtaskDefect
from providers.values import Completion


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """An answer with what is wrong in it; `gaps` counts the criteria that nothing covers."""

    answer: SubtaskSet
    defects: tuple[SubtaskDefect, ...]
    gaps: int
    notes: tuple[str, ...] = ()

    @property
    def rank(self) -> tuple[int, int]:
        """Less is better."""
        return self.gaps, len(self.defects)


def mended(
    inp: BreakdownInput, context: PromptContext, generated: Asked[SubtaskSet]
) -> Calls[Checked]:
    """The answer, or a better one from one repair call that names what is wrong.

    No call is made when MAX_CALLS are used up. A repair that is refused, cut, unreadable or no
    better changes nothing.
    """
    first = _checked(inp, generated.answer)
    if not first.defects:
        return first
    found = _counted(len(first.defects))
    if generated.calls >= MAX_CALLS:
        return _noted(first, f"{found}; no call was left to repair them")
    completion = yield repair_request(
        inp,
        context,
        key="repair-coverage",
        max_tokens=generated.max_tokens,
        previous=_numbered(generated.answer),
        defects=first.defects,
    )
    second = _read(inp, generated.answer, completion)
    if second is None:
        return _noted(first, f"{found}; their repair was not usable")
    if second.rank < first.rank:
        return _noted(second, f"{found}, {len(second.defects)} after the repair")
    return _noted(first, f"{found}; the repair was no better and is not kept")


def _checked(inp: BreakdownInput, answer: SubtaskSet) -> Checked:
    drafts = assemble(answer, criteria=len(inp.story.acceptance_criteria))
    return Checked(
        answer=answer, defects=set_defects(inp, answer), gaps=len(uncovered(inp, drafts))
    )


def _read(inp: BreakdownInput, first: SubtaskSet, completion: Completion) -> Checked | None:
    """The second answer, or the first with what was written again, checked; None when the call
    brought none."""
    try:
        again = read_answer(completion)
    except (Refused, OutputCut, NotASubtaskSet):
        return None
    found = rewritten(first.subtasks, [(one.replaces, one) for one in again.subtasks])
    return _checked(inp, SubtaskSet(subtasks=tuple(found)))


def _numbered(answer: SubtaskSet) -> dict[str, object]:
    """An answer as people read it, for a repair call, each subtask by its number."""
    return {
        "subtasks": [
            {"number": place, **one.model_dump(mode="json", by_alias=True, exclude={"replaces"})}
            for place, one in enumerate(answer.subtasks, start=1)
        ]
    }


def _counted(defects: int) -> str:
    return (
        "the first answer had 1 defect"
        if defects == 1
        else f"the first answer had {defects} defects"
    )


def _noted(checked: Checked, note: str) -> Checked:
    return Checked(answer=checked.answer, defects=checked.defects, gaps=checked.gaps, notes=(note,))
