"""What was done to the program during a schedule, and when; all times are monotonic seconds."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(kw_only=True)
class Step:
    """Faults that were injected together, until the program had recovered from them."""

    kinds: tuple[str, ...]
    begun: float
    #: When all faults were over.
    lifted: float = 0.0
    #: When the next step may begin.
    ended: float = 0.0
    #: Within how many seconds of the lift a call had to start; None where nothing was runnable.
    allowed_s: float | None = None
    #: Longest time without a call start that a deploy may bring.
    no_pause_s: float | None = None

    def holds(self, begun: float, ended: float) -> bool:
        """Whether something that went on so long overlaps the step."""
        return begun <= self.ended and ended >= self.begun


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A worker that died or was taken for dead, with the lanes (calls) that it held."""

    worker: str
    at: float
    held: int


@dataclass(kw_only=True)
class Freeze:
    """A worker that stood still for longer than its lease."""

    at: float
    held: int
    thawed: float = float("inf")


@dataclass(kw_only=True)
class Control:
    """A pause or a cancel of a run, as its caller saw it."""

    run_id: UUID
    action: str
    asked: float
    answered: float
    in_flight: int
    #: When the run went on, if it did.
    until: float = float("inf")


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A change of a run's lanes, and when it was asked for."""

    run_id: UUID
    at: float
    lanes: int


@dataclass(kw_only=True)
class Journal:
    """All that the checks need to know about a schedule."""

    begun: float = field(default_factory=time.monotonic)
    #: How many times as long as elsewhere recovery may take: what is right on a machine of any
    #: speed is checked there, and how fast it is on one that is known.
    patience: float = 1.0
    steps: list[Step] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    freezes: list[Freeze] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    #: When each run was asked for.
    runs_begun: list[float] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    #: (from, to) in which messages were copied on purpose.
    copied: list[tuple[float, float]] = field(default_factory=list)
    #: Faults for which there was no occasion while they lasted.
    unmet: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def violate(self, invariant: str, what: str) -> None:
        """Keep what did not hold, with the seconds since the start."""
        at = time.monotonic() - self.begun
        self.violations.append(f"{invariant}: {what} (noted at {at:.1f} s)")

    def times(self) -> Counter[str]:
        """How often each kind of fault was injected."""
        return Counter(kind for step in self.steps for kind in step.kinds)

    def most_lanes(self, run_id: UUID, *, since: float, at: float, begun_with: int) -> int:
        """The most lanes that a run had at any moment of a span."""
        lanes = begun_with
        most = 0
        for limit in self.limits:
            if limit.run_id != run_id or limit.at > at:
                continue
            if limit.at > since:
                most = max(most, lanes)
            lanes = limit.lanes
        return max(most, lanes)

    def longest_silence_s(
        self, step: Step, starts: Iterable[float], idle: Iterable[tuple[float, float]] = ()
    ) -> float:
        """The longest time of a step without one of these calls, but for pauses that were asked
        for and for what is `idle`, (from, to): there was nothing to do, and what comes after it
        counts anew."""
        longest, since = 0.0, step.begun
        pauses = [(c.asked, c.until) for c in self.controls if c.action == "pause"]
        spared = sorted([*pauses, *idle])
        for at in [*sorted(each for each in starts if step.holds(each, each)), step.ended]:
            for begins, until in spared:
                if since < until and begins < at:
                    longest = max(longest, begins - since)
                    since = until
            longest = max(longest, at - since)
            since = max(since, at)
        return longest

    def in_flight_at_losses(self) -> int:
        """Calls that may have had to be made twice."""
        return sum(loss.held for loss in self.losses) + sum(f.held for f in self.freezes)

    def calm(self, at: float, *, spared: Iterable[tuple[float, float]]) -> bool:
        """Whether a moment lies outside all of the spared windows."""
        return not any(begin <= at <= end for begin, end in spared)
