"""W5: 10,000 calls a minute allowed, 1 s latency: does one machine keep up?

The ideal is what a bucket that starts full lets through, and the last call's latency.
"""

import os
import sys
import time
from contextlib import ExitStack

from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.processes import cpu_by_name
from benchmarks.rows import Rows, side_by_side, spread
from benchmarks.simulated_provider import simulated_provider

_PER_MINUTE = 10_000
_EPICS = 5000
_LATENCY_MS = 1000
_LANES = 260
_WORKERS = 2
#: Of each worker: more statements at the same time take longer, and end together.
_CONNECTIONS = "4"
_FILL_S = 1.5
#: The calls' own times are what counts; looking twenty times a second took an eighth of a core.
_LOOK_S = 0.5


def run(bench: Bench) -> Rows:
    """Two workers on a core each, as many threads as lanes, warmed up by a small run."""
    epics = bench.epics(_EPICS)
    threads = _LANES // _WORKERS
    bench.empty()
    with simulated_provider(bench, latency_ms=_LATENCY_MS) as provider, ExitStack() as opened:
        workers = {
            name: opened.enter_context(
                bench.worker(
                    threads=threads,
                    provider_url=provider.url,
                    name=name,
                    settings={
                        "BATCHGEN_LIMIT_REQUESTS_PER_MINUTE": str(_PER_MINUTE),
                        "BATCHGEN_DATABASE_POOL_SIZE": _CONNECTIONS,
                    },
                )
            )
            for name in (f"w{number}@%h" for number in range(1, _WORKERS + 1))
        }
        if sys.platform == "linux":
            for core, worker in zip(os.sched_getaffinity(0), workers.values(), strict=False):
                worker.stay_on(core)
        runs.run_to_end(epics=_LANES, lanes=_LANES)
        provider.reset()
        provider.configure(requests_per_minute=_PER_MINUTE, burst_s=1, latency_ms=_LATENCY_MS)
        project = project_create(epics=epics)
        time.sleep(_FILL_S)
        trees = {**workers, **bench.servers(), "simulator": provider.tree}
        before, begun = cpu_by_name(trees), time.perf_counter()
        started = runs.start(project, lanes=_LANES)
        runs.await_done(started, epics, poll_s=_LOOK_S)
        seconds, after = time.perf_counter() - begun, cpu_by_name(trees)
        calls = provider.calls()
    ideal_s = (epics - _PER_MINUTE / 60) / (_PER_MINUTE / 60) + _LATENCY_MS / 1000
    makespan_s = max(call["end"] for call in calls) - min(call["start"] for call in calls)
    cores = {name: (after[name] - before[name]) / seconds for name in trees}
    return Rows(
        name="W5",
        title=f"{epics} epics, {_PER_MINUTE:,} calls/min, {_LATENCY_MS} ms, {_WORKERS} workers",
        rows=side_by_side(
            "figure",
            {
                "batchgen": {
                    "makespan / ideal": spread([makespan_s / ideal_s], 3),
                    "makespan, s": makespan_s,
                    "429": sum(call["status"] == 429 for call in calls),
                    **{f"cores, {name}": round(used, 2) for name, used in cores.items()},
                }
            },
        ),
        notes=[f"wanted: at most 1.03; ideal {ideal_s:.1f} s"],
    )
