"""The provider simulator in its own process, and what it saw."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from batchgen.local import stack
from batchgen.local.supervisor import Supervisor
from benchmarks.bench import Bench
from benchmarks.processes import Tree


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedProvider:
    """A running simulator."""

    url: str
    tree: Tree
    _client: httpx2.Client

    def configure(self, **settings: float) -> None:
        """Change its latency or limits."""
        self._client.post("config", json=settings).raise_for_status()

    def reset(self) -> None:
        """Forget the calls so far; full buckets, and the settings of the start."""
        self._client.post("reset", json={}).raise_for_status()

    def calls(self) -> list[dict[str, Any]]:
        """Every call since the reset: marker, start, end, status …; times on its own clock."""
        calls: list[dict[str, Any]] = self._stats()["calls"]
        return calls

    def totals(self) -> dict[str, Any]:
        """Counts since the reset."""
        totals: dict[str, Any] = self._stats(summary=1)["totals"]
        return totals

    def batch_calls(self) -> dict[str, int]:
        """How often each endpoint of batches was asked since the reset."""
        asked: dict[str, int] = self._stats(summary=1)["batch_calls"]
        return asked

    def faults(self, rules: list[dict[str, Any]]) -> None:
        """Script what goes wrong."""
        self._client.post("faults", json=rules).raise_for_status()

    def bill(self) -> dict[str, Any]:
        """What it charges for all calls since the reset, in micro-dollars."""
        bill: dict[str, Any] = self._client.get("bill").raise_for_status().json()
        return bill

    def _stats(self, **query: int) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.get("stats", params=query).raise_for_status().json()
        return answer


@contextmanager
def simulated_provider(bench: Bench, *, latency_ms: int) -> Iterator[SimulatedProvider]:
    """Run a simulator until the end of the block."""
    with Supervisor(bench.logs.line, signals=False) as supervisor:
        running = supervisor.start(stack.simulator(bench.environment, latency_ms=latency_ms))
        url = stack.simulator_url(running)
        with httpx2.Client(base_url=f"{url}/_sim/", trust_env=False, timeout=30) as client:
            tree = Tree.of(running.process.pid)
            yield SimulatedProvider(url=url, tree=tree, _client=client)
