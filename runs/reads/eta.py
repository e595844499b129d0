"""How long a run takes: what is left of it, and what one that begins may need. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: One epic's time where nothing was observed yet; about what a standard answer takes.
TYPICAL_EPIC_MS = 20_000
#: So many epics tell the pace; what lies further back may have been at another.
_ENOUGH = 50
#: How far an epic is that is under way, for the pace; epics take unlike long, and the long ones
#: are those still under way, so it is less than a half.
_UNDER_WAY = 0.3
#: The end of the last m epics, once none waits, is at (base + growth * ln m) epics' time: of many
#: at the same time one takes long. These three and the next were chosen by simulating runs of 6 to
#: 1,000 epics on 1 to 50 lanes whose epics' times spread by 0.3 to 0.8 of their mean.
_TAIL_LOW, _TAIL, _TAIL_HIGH = (0.2, 0.15), (0.5, 0.4), (0.9, 0.8)
#: How far the pace of one epic may be from that of all; of n it is less by the root of n.
_SPREAD = 0.7


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A pause, a resume, or a change of the number of lanes, and how far the run was then."""

    at_ms: float
    #: Whether the run runs afterwards, and on how many lanes.
    runs: bool
    lanes: int
    #: Epics that had ended.
    done: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Remaining:
    """What is left, in milliseconds. More than every other run ends between low and high."""

    ms: int
    low_ms: int
    high_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stretch:
    """A time in which the run ran on the same lanes, and the epics that ended in it."""

    lane_ms: float
    epics: float


def remaining(
    *, marks: Sequence[Mark], at_ms: float, done: int, generating: int, left: int
) -> Remaining | None:
    """What `left` epics need at the pace of late; None until one is done. Pauses are not in the
    pace, and neither is what was before a change of the lanes, once enough epics ended since.

    Args:
        marks: the first says when the run began; their lanes are those that find an epic.
        at_ms: now, on the marks' clock.
        generating: how many of `left` are under way.
    """
    if not done:
        return None
    epic_ms, known = _pace(reversed(_stretches(marks, at_ms, done, generating)))
    if not left:
        return Remaining(ms=0, low_ms=0, high_ms=0)
    lanes = marks[-1].lanes
    last = min(lanes, left)
    queue = (left - last) / lanes
    spread = 1 + _SPREAD * math.sqrt(1 / known + 1 / left)

    def needed_ms(tail: tuple[float, float], factor: float = 1) -> int:
        return round(epic_ms * (queue + tail[0] + tail[1] * math.log(last)) * factor)

    return Remaining(
        ms=needed_ms(_TAIL),
        low_ms=needed_ms(_TAIL_LOW, 1 / spread),
        high_ms=needed_ms(_TAIL_HIGH, spread),
    )


def _stretches(marks: Sequence[Mark], at_ms: float, done: int, generating: int) -> list[_Stretch]:
    now = Mark(at_ms=at_ms, runs=False, lanes=0, done=done)
    found = [
        _Stretch(lane_ms=(end.at_ms - mark.at_ms) * mark.lanes, epics=end.done - mark.done)
        for mark, end in zip(marks, [*marks[1:], now], strict=True)
        if mark.runs
    ]
    under_way = _Stretch(lane_ms=0, epics=generating * _UNDER_WAY)
    return [*found, under_way]


def _pace(latest_first: Iterable[_Stretch]) -> tuple[float, float]:
    """Milliseconds of a lane for one epic, and how many epics that was learnt from."""
    lane_ms, epics = 0.0, 0.0
    for stretch in latest_first:
        lane_ms, epics = lane_ms + stretch.lane_ms, epics + stretch.epics
        if epics >= _ENOUGH:
            break
    return lane_ms / max(epics, 1), max(epics, 1)


def expected_ms(*, epics: int, lanes: int, delay_ms: int, epic_ms: int) -> int:
    """What a run needs whose lanes take one epic after the other, with a pause in between."""
    turns = math.ceil(epics / lanes)
    return turns * epic_ms + (turns - 1) * delay_ms


def duration_text(milliseconds: int) -> str:
    """0.7 s, 45 s, 21 min or 2 h 10 min."""
    seconds = round(milliseconds / 1000)
    if milliseconds < 10_000:
        return f"{milliseconds / 1000:.1f} s"
    if seconds < 100:
        return f"{seconds} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
