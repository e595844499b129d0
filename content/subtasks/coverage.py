"""What is wrong with a set of subtasks: a criterion that none covers, sizes and numbers. Pure."""

from collections.abc import Iterator

from content.subtasks.answer import SubtaskSet
from content.subtasks.values import MOST_HOURS, BreakdownInput, SubtaskDefect, SubtaskDraft
from content.tidy_text import shortened
from epics import bounds
from quality.text import comparable, one_line

#: Of a criterion, in a message.
_SHOWN_CHARS = 120


def uncovered(inp: BreakdownInput, drafts: tuple[SubtaskDraft, ...]) -> tuple[int, ...]:
    """Numbers of the story's criteria that no subtask covers, kept ones included."""
    covered = {number for draft in drafts for number in draft.criteria}
    return tuple(number for number in inp.open_criteria if number not in covered)


def criterion_text(inp: BreakdownInput, number: int) -> str:
    """The criterion in a few words, behind its number."""
    text = shortened(one_line(inp.story.acceptance_criteria[number - 1]), _SHOWN_CHARS)
    return f"acceptance criterion {number} ({text})"


def set_defects(inp: BreakdownInput, answer: SubtaskSet) -> tuple[SubtaskDefect, ...]:
    """What the answer, as it was given, has to be written again for."""
    return (*_count_defects(inp, answer), *_coverage_defects(inp, answer), *_each(inp, answer))


def _count_defects(inp: BreakdownInput, answer: SubtaskSet) -> Iterator[SubtaskDefect]:
    low, high = inp.subtask_range
    count = len(answer.subtasks)
    if not low <= count <= high:
        yield SubtaskDefect(
            subtask=0,
            message=f"The answer has {count:,} subtasks.",
            suggestion=f"Write {low} to {high}.",
        )


def _coverage_defects(inp: BreakdownInput, answer: SubtaskSet) -> Iterator[SubtaskDefect]:
    covered = {number for subtask in answer.subtasks for number in subtask.criteria}
    for number in inp.open_criteria:
        if number not in covered:
            yield SubtaskDefect(
                subtask=0,
                message=f"No subtask covers {criterion_text(inp, number)}.",
                suggestion=f"Add {number} to the criteria of the subtask that makes it true, or "
                "write a subtask for it.",
            )


def _each(inp: BreakdownInput, answer: SubtaskSet) -> Iterator[SubtaskDefect]:
    last = len(inp.story.acceptance_criteria)
    seen: dict[str, int] = {}
    for place, subtask in enumerate(answer.subtasks, start=1):
        wrong = [number for number in subtask.criteria if not 1 <= number <= last]
        if wrong:
            message = f"It names criterion {wrong[0]}; the story has {last}."
            yield _defect(place, message, "Name numbers of the story's criteria alone.")
        if subtask.effort_hours > MOST_HOURS:
            message = f"It takes {subtask.effort_hours:g} hours."
            yield _defect(place, message, f"Split it; none takes more than {MOST_HOURS:g}.")
        if len(subtask.title) > bounds.TITLE_CHARS or len(subtask.description) > bounds.TEXT_CHARS:
            yield _defect(place, "Its title or description is too long.", "Shorten it.")
        first = seen.setdefault(comparable(subtask.title), place)
        if first != place:
            yield _defect(place, f"It is the same as subtask {first}.", "Leave one of them out.")


def _defect(place: int, message: str, suggestion: str) -> SubtaskDefect:
    return SubtaskDefect(subtask=place, message=message, suggestion=suggestion)
