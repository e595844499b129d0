"""A run with its retries and what it retries, as one."""

from dataclasses import dataclass
from uuid import UUID

from runs.reads.eta import Remaining
from runs.reads.health import Health
from runs.reads.progress import RunProgress
from runs.states import RunPhase


@dataclass(frozen=True, kw_only=True, slots=True)
class EffectiveProgress(RunProgress):
    """A run with its retries and what it retries: per item the latest outcome."""

    #: The family's runs, the oldest first.
    run_ids: tuple[UUID, ...]
    items: int

    @property
    def total(self) -> int:
        return self.items

    @property
    def remaining(self) -> Remaining | None:
        """Of the run itself: nothing else of its family is running."""
        return RunProgress.of(self.run).remaining

    @property
    def phase(self) -> RunPhase:
        """Of the run itself."""
        return RunProgress.of(self.run).phase

    @property
    def health(self) -> Health:
        """Of the run itself: nothing else of its family goes on."""
        return RunProgress.of(self.run).health
