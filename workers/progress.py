"""How far an attempt is: by its stages, and within a call by what its like took of late."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from content.pipeline import StageBegun
from runs.reads.eta import TYPICAL_EPIC_MS
from runs.states import ItemStage

#: Where each stage begins, in percent: about its share of the time, which is the calls'.
_BEGINS: dict[str, int] = {
    ItemStage.VALIDATION: 0,
    ItemStage.CONTEXT_BUILDING: 2,
    ItemStage.COMPONENT_GENERATION: 5,
    ItemStage.TEMPLATE_ASSEMBLY: 85,
    ItemStage.QUALITY_VALIDATION: 87,
    ItemStage.POST_PROCESSING: 95,
    ItemStage.STORAGE: 98,
}
_ENDS = dict(zip(_BEGINS, [*list(_BEGINS.values())[1:], 100], strict=True))
#: How much a call counts for what the next ones are expected to take.
_WEIGHT = 0.2
#: Of a call that takes as long as expected, so much shows when it ends; a longer one creeps on.
_EXPECTED_PART = 0.9

#: Calls that take about as long: their model, and `Request.alike`.
CallGroup = tuple[str, str]


T = TypeVar("T")


class RoundRobin(Generic[T]):
    """So many of a list at a time, each in its turn, though the list changes in between."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._first = 0

    def some(self, every: list[T]) -> list[T]:
        """Whose turn it is."""
        if len(every) <= self._most:
            return every
        first = self._first % len(every)
        self._first = first + self._most
        return (every + every)[first : self._first]


class CallTimes:
    """What this worker's calls took of late, by their group; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: dict[CallGroup, float] = {}

    def learn(self, group: CallGroup, seconds: float) -> None:
        """A call was answered after so long."""
        with self._lock:
            before = self._seconds.get(group, seconds)
            self._seconds[group] = before + _WEIGHT * (seconds - before)

    def expected_s(self, group: CallGroup) -> float | None:
        """What the next one may take; None before the first."""
        return self._seconds.get(group)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """How far an attempt is; its fields are columns of `RunItem`."""

    stage: str
    stage_percent: int = 0
    remaining_ms: int | None = None
    stage_ms: Mapping[str, int] = field(default_factory=dict)
    skipped_stages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, int]:
        """What a heartbeat writes down once it changed."""
        return self.stage, self.stage_percent


#: As its claim wrote it down.
CLAIMED = Reached(stage=ItemStage.VALIDATION)
_FIRST = StageBegun(name=CLAIMED.stage)


class Progress:
    """Follows one attempt. Its thread says what happens; any other may ask how far it is."""

    def __init__(self, times: CallTimes, clock: Callable[[], float] = time.monotonic) -> None:
        self._times = times
        self._clock = clock
        #: The place that a heartbeat wrote down last.
        self.told = CLAIMED.place
        self._begun: StageBegun | None = None
        self._stage_began = clock()
        #: Of the stages before this one.
        self._stage_ms: Mapping[str, int] = {}
        #: Since when a call of which group is under way.
        self._call: tuple[CallGroup, float] | None = None
        #: How much of the stage its calls so far were.
        self._part = 0.0

    def enter(self, begun: StageBegun) -> None:
        """A stage begins, and so the one before it has ended."""
        self._stage_ms = self._with_this_stage()
        self._begun, self._stage_began = begun, self._clock()
        self._part = 0.0

    @contextmanager
    def call(self, group: CallGroup) -> Iterator[None]:
        """A call is under way. Where it is answered, its time counts for the next ones."""
        began = self._clock()
        self._call = (group, began)
        try:
            yield
        finally:
            self._part, _ = self._of_call()
            self._call = None
        self._times.learn(group, self._clock() - began)

    def reached(self) -> Reached:
        """How far it is now, with what the stages before this one took."""
        begun = self._begun or _FIRST
        part, remaining_ms = self._of_call()
        begin, end = _BEGINS[begun.name], _ENDS[begun.name]
        return Reached(
            stage=begun.name,
            stage_percent=begin + int((end - begin) * part),
            remaining_ms=remaining_ms,
            stage_ms=self._stage_ms,
            skipped_stages=begun.skipped,
            notes=begun.notes,
        )

    def news(self) -> Reached | None:
        """How far it is, where that is not written down yet."""
        now = self.reached()
        return None if now.place == self.told else now

    def failed(self) -> Reached:
        """The same, with what the stage took that it does not get beyond."""
        return replace(self.reached(), stage_ms=self._with_this_stage())

    def _with_this_stage(self) -> Mapping[str, int]:
        if self._begun is None:
            return {}
        took_ms = round((self._clock() - self._stage_began) * 1000)
        return {**self._stage_ms, self._begun.name: took_ms}

    def _of_call(self) -> tuple[float, int | None]:
        """How much of the stage is over, and what is left of its call in ms where that is known."""
        call = self._call
        if call is None:
            return self._part, None
        group, began = call
        elapsed_s = self._clock() - began
        expected_s = self._times.expected_s(group)
        part = _part(elapsed_s, expected_s or TYPICAL_EPIC_MS / 1000)
        left_ms = round(elapsed_s * (1 / part - 1) * 1000) if expected_s and part else None
        return max(part, self._part), left_ms


def _part(elapsed_s: float, expected_s: float) -> float:
    """How much of a call is over; never all of it."""
    if elapsed_s < expected_s:
        return _EXPECTED_PART * elapsed_s / expected_s
    return 1 - (1 - _EXPECTED_PART) * expected_s / elapsed_s
