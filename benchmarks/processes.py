"""CPU time and memory of a process and all that it started."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Tree:
    """A process and its descendants, those that have ended included in its CPU time."""

    root: psutil.Process

    @classmethod
    def of(cls, pid: int) -> "Tree":
        """The tree under a living process."""
        return cls(psutil.Process(pid))

    def cpu_s(self) -> float:
        """User and system seconds since the root's start."""
        total = 0.0
        for process in self._living():
            with suppress(psutil.NoSuchProcess):
                # A parent that has waited for a child carries the child's time on.
                total += sum(process.cpu_times()[:4])
        return total

    def rss_bytes(self) -> int:
        """Resident memory of the root alone."""
        return int(self.root.memory_info().rss)

    def private_bytes(self) -> int:
        """Memory that the tree would give back: PostgreSQL's shared buffers are not in it."""
        total = 0
        for process in self._living():
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                total += process.memory_full_info().uss
        return total

    def stay_on(self, core: int) -> None:
        """Bind the root to a core, as if it had been started by `taskset`; Linux only."""
        for thread in self.root.threads():
            with suppress(psutil.NoSuchProcess):
                psutil.Process(thread.id).cpu_affinity([core])

    def _living(self) -> list[psutil.Process]:
        return [self.root, *self.root.children(recursive=True)]


def cpu_by_name(trees: Mapping[str, Tree]) -> dict[str, float]:
    """CPU seconds of each."""
    return {name: tree.cpu_s() for name, tree in trees.items()}
