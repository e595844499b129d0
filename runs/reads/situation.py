"""What a run's health is told from: the run, its lanes and what it depends on, at one moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from runs.states import ACTIVE, RunStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Closing:
    """A closed gate. `closed_by`: the person who closed it; empty: the provider refused calls."""

    until: datetime
    reason: str
    closed_by: str = ""

    @classmethod
    def of(cls, closed: Iterable[Mapping[str, Any]], *, gate: str | None) -> Self | None:
        """That of the gate among `runs.reads.surroundings`' closed ones; None of no gate."""
        for each in closed:
            if each["gate"] == gate:
                until = moment(each["until_s"])
                return cls(until=until, reason=each["reason"], closed_by=each["closed_by"] or "")
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """The workers of an installation, and what the lanes of all open runs do."""

    alive: int = 0
    slots: int = 0
    #: When the last one was there, if any ever was.
    gone_at: datetime | None = None
    running: int = 0
    #: When an item of any run began last.
    claimed_at: datetime | None = None

    @classmethod
    def of(cls, workers: Mapping[str, Any] | None, others: Mapping[str, Any] | None) -> Self:
        """From `runs.reads.surroundings`."""
        workers, others = workers or {}, others or {}
        return cls(
            alive=workers.get("alive", 0),
            slots=workers.get("slots", 0),
            gone_at=moment_if(workers.get("gone_at_s")),
            running=others.get("running", 0),
            claimed_at=moment_if(others.get("claimed_at_s")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """A run, its lanes and what it depends on, at one moment."""

    at: datetime
    status: str
    created_at: datetime
    completed_at: datetime | None
    draining: bool
    error_code: str
    error: str
    #: One line on how far it is, as it ends with.
    standing: str
    model: str
    item_words: tuple[str, str]
    can_retry: bool
    lanes: int
    adaptive: bool
    pending: int
    generating: int
    wait_reason: str
    #: When the next parked lane is due.
    wake_at: datetime | None
    claimed_at: datetime | None
    #: As `RunProgress.actions`.
    actions: Sequence[Mapping[str, Any]]
    fleet: Fleet
    closing: Closing | None
    #: Of those that are pending: how many wait for a batch of the provider's, or are out in one.
    in_batch: int = 0
    #: When the first batch was handed in that is waited for.
    batches_since: datetime | None = None

    @property
    def goes_on(self) -> bool:
        return self.status in ACTIVE and self.status != RunStatus.PAUSED

    @property
    def resumed_at(self) -> datetime:
        """When it was made, or resumed last."""
        resumed = self.last("resume")
        return moment(resumed["at_s"]) if resumed else self.created_at

    @property
    def quiet_since(self) -> datetime:
        """When an item began last, or might have from then on."""
        return max(self.claimed_at or self.resumed_at, self.resumed_at)

    def last(self, *kinds: str) -> Mapping[str, Any] | None:
        """Of its actions of these kinds the last."""
        return next((each for each in reversed(self.actions) if each["kind"] in kinds), None)


def moment(epoch_s: float) -> datetime:
    """A time from the seconds that JSON has."""
    return datetime.fromtimestamp(epoch_s, UTC)


def moment_if(epoch_s: float | None) -> datetime | None:
    """The same; None of none."""
    return None if epoch_s is None else moment(epoch_s)
