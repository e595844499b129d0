"""W4: 100 epics, 1 s latency, 10 lanes; kill -9 of the only worker, a new one 2 s later.

The excess is what the end came later than the remaining work needed from the new worker's start:
its own start-up, finding the old one's epics, and the second they lost. A worker of another name
has to wait for the lease.
"""

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.rows import Rows, Value, side_by_side, spread
from benchmarks.simulated_provider import SimulatedProvider, simulated_provider
from epics.models import Story
from runs.models import RunItem

_EPICS = 100
_LANES = 10
_LATENCY_MS = 1000
_DOWN_S = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kill:
    """What one kill cost."""

    #: The new worker's own start, from its process to its first call.
    start_up_s: float
    #: From its first call, and from the kill.
    excess_s: float
    excess_from_kill_s: float
    lost: int
    doubled_calls: int


def run(bench: Bench) -> Rows:
    """With a new worker of the same name, and with one of another."""
    found: dict[str, list[_Kill]] = {"same name": [], "another name": []}
    with simulated_provider(bench, latency_ms=_LATENCY_MS) as provider:
        for _ in range(1 if bench.quick else bench.repeats):
            for column, kills in found.items():
                kills.append(_kill(bench, provider, same_name=column == "same name"))
    return Rows(
        name="W4",
        title=f"{_EPICS} epics, {_LANES} lanes, {_LATENCY_MS} ms latency; the worker is killed",
        rows=side_by_side("figure", {name: _figures(kills) for name, kills in found.items()}),
        notes=[
            "wanted with the same name: excess at most 2 s, none lost, at most 10 calls doubled",
            f"the new worker's process is started {_DOWN_S} s after the kill",
        ],
    )


def _kill(bench: Bench, provider: SimulatedProvider, *, same_name: bool) -> _Kill:
    bench.empty()
    provider.reset()
    with ExitStack() as workers:
        first = workers.enter_context(bench.worker(threads=_LANES, provider_url=provider.url))
        run = runs.start(project_create(epics=_EPICS), lanes=_LANES)
        runs.await_done(run, _EPICS // 2)
        time.sleep(_LATENCY_MS / 2000)
        first.root.kill()
        killed = time.time()
        left = _EPICS - runs.done(run)
        time.sleep(_DOWN_S)
        begun = time.time()
        name = "w1@%h" if same_name else "w2@%h"
        workers.enter_context(bench.worker(threads=_LANES, provider_url=provider.url, name=name))
        runs.await_done(run, _EPICS)
        runs.finished(run)
    calls = provider.calls()
    first_call = min(call["start"] for call in calls if call["start"] > begun)
    remaining_s = math.ceil(left / _LANES) * _LATENCY_MS / 1000
    end = max(call["end"] for call in calls)
    stored = Story.objects.filter(run_id=run.id).values("epic").distinct().count()
    return _Kill(
        start_up_s=first_call - begun,
        excess_s=end - first_call - remaining_s,
        excess_from_kill_s=end - killed - remaining_s,
        lost=RunItem.objects.filter(run=run).count() - stored,
        doubled_calls=len(calls) - _EPICS,
    )


def _figures(kills: list[_Kill]) -> dict[str, Value]:
    return {
        "excess over the remaining work, from the first new call, s": spread(
            [kill.excess_s for kill in kills]
        ),
        "- from the new worker's start, s": spread(
            [kill.excess_s + kill.start_up_s for kill in kills]
        ),
        "- from the kill, s": spread([kill.excess_from_kill_s for kill in kills]),
        "new worker: process to first call, s": spread([kill.start_up_s for kill in kills]),
        "epics lost": spread([kill.lost for kill in kills], 0),
        "calls doubled": spread([kill.doubled_calls for kill in kills], 0),
    }
