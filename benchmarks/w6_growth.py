"""W6: what grows with a run. 10,000 epics in one run, no latency.

Once with answers from memory, and once through the SDK to the simulator. Flat means: what an
epic costs, what Redis holds and what the processes hold do not depend on how many epics there are.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.counters import counters
from benchmarks.processes import Tree
from benchmarks.rows import Rows, Value
from benchmarks.sampling import Sample, Sampler
from benchmarks.simulated_provider import simulated_provider
from runs.models import Run

_EPICS = 10_000
_LANES = 10
#: Parts of the run at which it is looked at. What an epic costs is counted over the tenth before.
_PARTS = (0.1, 0.2, 0.6, 1.0)
_TENTH = 0.1
_MIB = 2**20


def run(bench: Bench) -> Rows:
    """Both providers, once each."""
    rows: list[dict[str, Value]] = []
    notes: list[str] = []
    for provider, worker in (("memory", _memory_worker), ("simulator", _simulator_worker)):
        bench.empty()
        before = counters()
        with worker(bench) as trees:
            run, sampler = _watched_run(bench.epics(_EPICS), trees)
        spent = (counters() - before).per(run.total_items)
        rows += _rows(provider, run.total_items, sampler)
        notes.append(
            f"{provider}: {run.status} in {_seconds(run):.0f} s; per epic "
            f"{spent['commits']:.2f} transactions, {spent['messages']:.2f} messages; most messages "
            f"in the broker at once: {sampler.most_messages}"
        )
    return Rows(
        name="W6",
        title=f"{bench.epics(_EPICS)} epics in one run, no latency, {_LANES} lanes, one worker",
        rows=rows,
        notes=notes,
    )


@contextmanager
def _memory_worker(bench: Bench) -> Iterator[dict[str, Tree]]:
    with bench.worker(threads=_LANES, entry="benchmarks.memory_worker") as worker:
        yield {"worker": worker, **bench.servers()}


@contextmanager
def _simulator_worker(bench: Bench) -> Iterator[dict[str, Tree]]:
    with simulated_provider(bench, latency_ms=0) as provider:
        provider.configure(calls_kept=1000)  # its call log is meant to grow
        with bench.worker(threads=_LANES, provider_url=provider.url) as worker:
            yield {"worker": worker, **bench.servers(), "simulator": provider.tree}


def _watched_run(epics: int, trees: dict[str, Tree]) -> tuple[Run, Sampler]:
    run = runs.start(project_create(epics=epics), lanes=_LANES)
    with Sampler(run, trees) as sampler:
        runs.await_done(run, epics)
        runs.finished(run)
    return run, sampler


def _seconds(run: Run) -> float:
    assert run.started_at is not None
    assert run.completed_at is not None
    return (run.completed_at - run.started_at).total_seconds()


def _rows(provider: str, total: int, sampler: Sampler) -> list[dict[str, Value]]:
    looks = {f"at {part:.0%}": sampler.at(part * total) for part in _PARTS}
    spans = {
        f"at {part:.0%}": (sampler.at((part - _TENTH) * total), sampler.at(part * total))
        for part in _PARTS
    }
    memory = {
        f"{name}, MiB": {at: look.private[name] / _MIB for at, look in looks.items()}
        for name in sampler.samples[0].private
    }
    figures = {
        **memory,
        "held by Redis, MiB": {at: look.redis_used_bytes / _MIB for at, look in looks.items()},
        "statements per epic, checks of keys included": {
            at: _per_epic(span, "statements") for at, span in spans.items()
        },
        "their time per epic, ms": {at: _per_epic(span, "exec_ms") for at, span in spans.items()},
    }
    return [{"provider": provider, "figure": name, **values} for name, values in figures.items()]


def _per_epic(span: tuple[Sample, Sample], what: str) -> float:
    first, last = span
    counted: float = getattr(last, what) - getattr(first, what)
    return counted / max(last.done - first.done, 1)
