"""W1: 1,000 epics through the SDK to a provider that takes 200 ms, 50 lanes, one worker.

The ideal is 1,000 / 50 x 0.2 s = 4 s: nothing but the provider's own time.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.peers.running import PEERS, Job, celery, peer
from benchmarks.processes import Tree, cpu_by_name
from benchmarks.rows import Rows, Value, side_by_side, spread
from benchmarks.simulated_provider import SimulatedProvider, simulated_provider

_EPICS = 1000
_LANES = 50
_LATENCY_MS = 200
_WARM_UP = 100
_OURS = "batchgen"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Round:
    """One run's figures."""

    calls: int
    #: From the first call's start to the last one's end, on the provider's clock; of a peer, for
    #: as many epics, from the end of its warm-up.
    makespan_s: float
    #: From the request to start the run until its end is stored; not known of peers.
    whole_s: float | None
    cpu_ms: dict[str, float]
    rss_mib: float


def run(bench: Bench) -> Rows:
    """One worker, warmed up by a small run; then the run that counts. Peers in turns with it."""
    with simulated_provider(bench, latency_ms=_LATENCY_MS) as provider:
        measures = {_OURS: partial(_ours, bench, provider)}
        if bench.peers:
            measures |= {
                name: partial(_theirs, bench, provider, partial(peer, bench, name))
                for name in PEERS
            }
            measures["bare Celery, same SQL"] = partial(
                _theirs, bench, provider, partial(celery, bench)
            )
        rounds = [
            {name: measure() for name, measure in measures.items()}
            for _ in range(1 if bench.quick else bench.repeats)
        ]
    columns = {name: [each[name] for each in rounds] for name in measures}
    ideal_s = bench.epics(_EPICS) / _LANES * _LATENCY_MS / 1000
    ratios = [each.makespan_s / ideal_s for each in columns[_OURS]]
    return Rows(
        name="W1",
        title=f"{bench.epics(_EPICS)} epics, {_LATENCY_MS} ms latency, {_LANES} lanes, one worker",
        rows=side_by_side(
            "figure", {name: _figures(found, ideal_s) for name, found in columns.items()}
        ),
        notes=[f"makespan / ideal: {spread(ratios)} (wanted: at most 1.4); ideal {ideal_s:g} s"],
    )


def _ours(bench: Bench, provider: SimulatedProvider) -> _Round:
    bench.empty()
    with bench.worker(threads=_LANES, provider_url=provider.url) as worker:
        runs.run_to_end(epics=_WARM_UP, lanes=_LANES)
        provider.reset()
        return _round(bench, provider, worker)


def _theirs(
    bench: Bench,
    provider: SimulatedProvider,
    working: Callable[..., AbstractContextManager[Tree]],
) -> _Round:
    """A peer works on its warm-up and on what counts without a break between them."""
    bench.empty()
    provider.reset()
    epics = bench.epics(_EPICS)
    job = Job.of(project_create(epics=_WARM_UP + epics))
    with working(job, lanes=_LANES, provider_url=provider.url) as worker:
        trees = {"worker": worker, **bench.servers(), "provider": provider.tree}
        window = runs.window(job.done, warm_up=_WARM_UP, total=_WARM_UP + epics, trees=trees)
        rss_mib = worker.rss_bytes() / 2**20
    return _Round(
        calls=len(provider.calls()) - _WARM_UP,
        makespan_s=window.seconds * epics / window.epics,
        whole_s=None,
        cpu_ms={name: window.cpu_ms(name) for name in trees},
        rss_mib=rss_mib,
    )


def _round(bench: Bench, provider: SimulatedProvider, worker: Tree) -> _Round:
    trees = {"worker": worker, **bench.servers(), "provider": provider.tree}
    epics = bench.epics(_EPICS)
    before, began_s = cpu_by_name(trees), time.perf_counter()
    runs.run_to_end(epics=epics, lanes=_LANES)
    whole_s, after = time.perf_counter() - began_s, cpu_by_name(trees)
    calls = provider.calls()
    return _Round(
        calls=len(calls),
        makespan_s=max(call["end"] for call in calls) - min(call["start"] for call in calls),
        whole_s=whole_s,
        cpu_ms={name: (after[name] - before[name]) * 1000 / epics for name in trees},
        rss_mib=worker.rss_bytes() / 2**20,
    )


def _figures(rounds: list[_Round], ideal_s: float) -> dict[str, Value]:
    names = [name for name in rounds[0].cpu_ms if name != "provider"]
    return {
        "makespan / ideal": spread([each.makespan_s / ideal_s for each in rounds]),
        "makespan, s": spread([each.makespan_s for each in rounds]),
        "start to end of the run, s": _spread_of([each.whole_s for each in rounds]),
        "calls": spread([each.calls for each in rounds], 0),
        "CPU per epic, ms": spread([sum(each.cpu_ms[n] for n in names) for each in rounds]),
        **{f"- {name}, ms": spread([each.cpu_ms[name] for each in rounds]) for name in names},
        "CPU of the simulator, ms": spread([each.cpu_ms["provider"] for each in rounds]),
        "worker's memory, MiB": spread([each.rss_mib for each in rounds], 0),
    }


def _spread_of(values: list[float | None]) -> Value:
    known = [value for value in values if value is not None]
    return spread(known) if known else None
