"""Drafts: an answer as clean subtasks in the order of work, none of them twice."""

from collections.abc import Iterable
from dataclasses import replace

from content.subtasks.answer import Subtask, SubtaskSet
from content.subtasks.values import LEAST_HOURS, MOST_HOURS, KeptSubtask, SubtaskDraft
from content.tidy_text import paragraphs, shortened
from epics import bounds
from quality.text import comparable, one_line

#: Longer answers are of another kind than was asked for; what is beyond is not looked at.
_MOST_READ = 50


def assemble(answer: SubtaskSet, *, criteria: int) -> tuple[SubtaskDraft, ...]:
    """Drafts in the model's order; of those with one title the first, with what the others cover.

    Args:
        criteria: how many the story has; other numbers are left out.
    """
    found: dict[str, SubtaskDraft] = {}
    for subtask in answer.subtasks[:_MOST_READ]:
        draft = _draft(subtask, criteria)
        key = comparable(draft.title)
        found[key] = _merged(found[key], draft) if key in found else draft
    return renumber(found.values())


def needed(
    drafts: tuple[SubtaskDraft, ...], kept: tuple[KeptSubtask, ...]
) -> tuple[SubtaskDraft, ...]:
    """Without those that a kept subtask does already, by its title."""
    standing = {comparable(subtask.title) for subtask in kept}
    return renumber(draft for draft in drafts if comparable(draft.title) not in standing)


def fewer(drafts: tuple[SubtaskDraft, ...], most: int) -> tuple[SubtaskDraft, ...]:
    """At most so many; first go, from the end, those whose criteria others cover too."""
    left = list(drafts)
    while len(left) > most:
        left.remove(next((one for one in reversed(left) if _is_spare(one, left)), left[-1]))
    return renumber(left)


def renumber(drafts: Iterable[SubtaskDraft]) -> tuple[SubtaskDraft, ...]:
    """The same drafts with positions from 1."""
    return tuple([replace(draft, position=at) for at, draft in enumerate(drafts, start=1)])


def in_halves(hours: float) -> float:
    """As an effort is kept: a multiple of half an hour, within bounds."""
    return min(max(round(hours * 2) / 2, LEAST_HOURS), MOST_HOURS)


def _draft(subtask: Subtask, criteria: int) -> SubtaskDraft:
    return SubtaskDraft(
        position=0,
        title=shortened(one_line(subtask.title).rstrip("."), bounds.TITLE_CHARS),
        description=shortened(paragraphs(subtask.description), bounds.TEXT_CHARS),
        kind=subtask.kind,
        effort_hours=in_halves(subtask.effort_hours),
        criteria=tuple(sorted({number for number in subtask.criteria if 1 <= number <= criteria})),
    )


def _merged(first: SubtaskDraft, later: SubtaskDraft) -> SubtaskDraft:
    return replace(first, criteria=tuple(sorted({*first.criteria, *later.criteria})))


def _is_spare(draft: SubtaskDraft, among: list[SubtaskDraft]) -> bool:
    others = {number for one in among if one is not draft for number in one.criteria}
    return others.issuperset(draft.criteria)
