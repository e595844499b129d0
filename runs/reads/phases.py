"""The phase of a run, derived from the states of its lanes and items. Pure.

A phase is kept nowhere: as it is told from the rows, it is true of them.
"""

from collections.abc import Collection
from dataclasses import dataclass

from runs.states import ItemStage, RunPhase, RunStatus

_BEFORE_CALLS = {ItemStage.VALIDATION, ItemStage.CONTEXT_BUILDING}
_AFTER_CALLS = {ItemStage.POST_PROCESSING, ItemStage.STORAGE}


@dataclass(frozen=True, kw_only=True, slots=True)
class RunActivity:
    """A run, its items and its lanes at one moment."""

    status: str
    #: Its end was written: `completed_at` is set.
    ended: bool
    #: Final, but for calls that had begun.
    draining: bool
    #: Lanes that were given an item.
    lanes_out: int
    generating: int
    #: Stages of those.
    stages: Collection[str]
    #: Items that are over, and that are not.
    over: int
    left: int
    #: While items are made: `ContentKind.phase`.
    making: RunPhase = RunPhase.GENERATING_STORIES


def phase_of(doing: RunActivity) -> RunPhase:
    """The phase, by what comes first of: the end, calls, their lanes, and nothing yet."""
    if doing.status == RunStatus.FAILED:
        return RunPhase.FAILED
    if doing.ended:
        return RunPhase.COMPLETED
    if doing.status == RunStatus.QUEUED and not doing.generating:
        return RunPhase.QUEUEING_EPICS if doing.lanes_out else RunPhase.INITIALIZING
    if doing.generating:
        return _generating(doing)
    # What is left of a run that was cancelled stays as it is.
    if doing.draining or (doing.status == RunStatus.RUNNING and not doing.left):
        return RunPhase.FINALIZING
    return doing.making


def _generating(doing: RunActivity) -> RunPhase:
    if not doing.over and _BEFORE_CALLS.issuperset(doing.stages):
        return RunPhase.LOADING_CONTENT
    last = doing.draining or doing.left == doing.generating
    if last and _AFTER_CALLS.issuperset(doing.stages):
        return RunPhase.SAVING_RESULTS
    return doing.making
