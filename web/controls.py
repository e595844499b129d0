"""The buttons over a run: which of them there are in each status, and which can be pressed.

What can be pressed is what the run's own `controls` say; here stands only how that looks.
"""

from dataclasses import dataclass

from runs.reads.progress import RunProgress
from runs.states import RunStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """One control of a run.

    Attributes:
        why_not: why it cannot be pressed; empty where it can.
    """

    action: str
    label: str
    icon: str
    look: str
    why_not: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Controls:
    """What stands in a run's header.

    Attributes:
        label: of a run that is over, in the buttons' place: `Batch completed`.
    """

    steer: Button
    cancel: Button
    retry: Button | None
    label: str = ""


_PAUSE = ("pause", "Pause", "pause", "outline")
_RESUME = ("resume", "Resume", "play", "primary")
_CANCEL = ("cancel", "Cancel", "cross", "destructive")
_ENDED = {
    RunStatus.SUCCEEDED: "Batch completed",
    RunStatus.COMPLETED_WITH_ERRORS: "Batch completed with errors",
    RunStatus.FAILED: "Batch failed",
    RunStatus.CANCELLED: "Batch cancelled",
}


def controls_of(progress: RunProgress) -> Controls:
    """The controls of a run, for who reads it."""
    steer = _RESUME if progress.run.status == RunStatus.PAUSED else _PAUSE
    retry = "retry-failed" in progress.controls
    return Controls(
        steer=_button(progress, *steer),
        cancel=_button(progress, *_CANCEL),
        retry=_button(progress, "retry-failed", "Retry failed", "retry", "") if retry else None,
        label=_ENDED.get(RunStatus(progress.run.status), ""),
    )


def _button(progress: RunProgress, action: str, label: str, icon: str, look: str) -> Button:
    why_not = "" if action in progress.controls else _why_not(progress, action)
    return Button(action=action, label=label, icon=icon, look=look, why_not=why_not)


def _why_not(progress: RunProgress, action: str) -> str:
    if progress.final:
        return "The run is over."
    if not progress.may_control:
        return "This needs the role editor in the project; yours is viewer."
    return f"A {progress.run.status.lower()} run has nothing to {action} yet."


def finishing(progress: RunProgress) -> str:
    """`Cancelling` or `Pausing` while calls that had begun are finished; else nothing."""
    if progress.run.draining:
        return "Cancelling" if progress.run.status == RunStatus.CANCELLED else "Ending"
    if progress.run.status == RunStatus.PAUSED and progress.generating:
        return "Pausing"
    return ""
