"""W2P: whose turn it is at a provider that allows 20 calls a second, with two workers.

A HIGH run that starts while a LOW one saturates the limit, beside the same run alone; and ten
equal runs at once.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.utils.timezone import now

from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.rows import Rows, Value, side_by_side
from benchmarks.simulated_provider import SimulatedProvider, simulated_provider
from epics.models import Project
from runs.engine.start import RunOptions, run_start
from runs.models import Run, RunItem
from runs.states import Pacing, Priority

_PER_MINUTE = 1200
_LATENCY_MS = 200
_THREADS = 20
_LOW_EPICS, _LOW_LANES = 1000, 40
_HIGH_EPICS, _HIGH_LANES = 300, 20
_EQUAL_RUNS, _EQUAL_EPICS, _EQUAL_LANES = 10, 100, 5
_SATURATED_S = 5
_FILL_S = 1.5


def run(bench: Bench) -> Rows:
    """Each once: they take minutes."""
    with simulated_provider(bench, latency_ms=_LATENCY_MS) as provider:
        with _workers(bench, provider):
            found = _high_beside_low(bench, provider)
        with _workers(bench, provider):
            found |= _equal(bench)
    return Rows(
        name="W2P",
        title=f"{_PER_MINUTE} calls/min, {_LATENCY_MS} ms, 2 workers: whose turn it is",
        rows=side_by_side("figure", {"batchgen": found}),
        notes=[
            "wanted: HIGH's first call within 2 s, its makespan at most 1.2 x alone, LOW moves on;",
            "equal runs end within 10 % of each other",
        ],
    )


@contextmanager
def _workers(bench: Bench, provider: SimulatedProvider) -> Iterator[None]:
    bench.empty()
    provider.reset()
    with ExitStack() as opened:
        for name in ("w1@%h", "w2@%h"):
            opened.enter_context(
                bench.worker(
                    threads=_THREADS,
                    provider_url=provider.url,
                    name=name,
                    settings={"BATCHGEN_LIMIT_REQUESTS_PER_MINUTE": str(_PER_MINUTE)},
                )
            )
        runs.run_to_end(epics=_THREADS, lanes=_THREADS)
        provider.configure(requests_per_minute=_PER_MINUTE, burst_s=1)
        yield


def _start(project: Project, lanes: int, priority: Priority) -> Run:
    options = RunOptions(
        pacing_profile=Pacing.ADAPTIVE, max_concurrency=lanes, priority=priority.value
    )
    return run_start(project=project, user=None, options=options)


def _high_beside_low(bench: Bench, provider: SimulatedProvider) -> dict[str, Value]:
    time.sleep(_FILL_S)
    epics = bench.epics(_HIGH_EPICS)
    alone_s, _ = _high(provider, epics)
    low = _start(project_create(epics=bench.epics(_LOW_EPICS)), _LOW_LANES, Priority.LOW)
    time.sleep(_SATURATED_S)
    before = runs.done(low)
    beside_s, first_s = _high(provider, epics)
    moved = runs.done(low) - before
    runs.await_done(low, bench.epics(_LOW_EPICS))
    return {
        "HIGH alone, s": alone_s,
        "HIGH beside LOW, s": beside_s,
        "- ratio": beside_s / alone_s,
        "- its first call after its start, s": first_s,
        "LOW epics done meanwhile": moved,
        "429": sum(call["status"] == 429 for call in provider.calls()),
    }


def _high(provider: SimulatedProvider, epics: int) -> tuple[float, float]:
    """Seconds from a HIGH run's start to its last call's end, and to its first call."""
    project = project_create(epics=epics)
    begun = time.time()
    high = _start(project, _HIGH_LANES, Priority.HIGH)
    runs.await_done(high, epics)
    mine = {str(each) for each in RunItem.objects.filter(run=high).values_list("id", flat=True)}
    calls = [call for call in provider.calls() if call["marker"] in mine]
    last, first = max(call["end"] for call in calls), min(call["start"] for call in calls)
    return last - begun, first - begun


def _equal(bench: Bench) -> dict[str, Value]:
    projects = [project_create(epics=bench.epics(_EQUAL_EPICS)) for _ in range(_EQUAL_RUNS)]
    # Uses the burst up, which else the first of them would get before the others have begun.
    _start(project_create(epics=_THREADS), _THREADS, Priority.NORMAL)
    begun = time.time()
    started = [_start(project, _EQUAL_LANES, Priority.NORMAL) for project in projects]
    for each in started:
        runs.await_done(each, bench.epics(_EQUAL_EPICS))
    took = [(runs.finished(each).completed_at or now()).timestamp() - begun for each in started]
    return {
        "equal runs: first end, s": min(took),
        "equal runs: last end, s": max(took),
        "- last / first": max(took) / min(took),
    }
