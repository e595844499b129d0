"""W8: calls of half a minute, 10,000 a minute: thousands are under way at the same time.

Once with the lanes that this needs, once where the engine finds their number, and once with a pause
in the middle. The ideal starts calls as a bucket that is full at first allows, and lets each take
what it took.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2

from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.processes import Tree, cpu_by_name
from benchmarks.rows import Rows, Value, side_by_side, spread
from benchmarks.simulated_provider import SimulatedProvider, simulated_provider
from benchmarks.web import signed_in
from runs.models import Run

_PER_MINUTE = 10_000
_EPICS = 10_000
_LATENCY_MS = 30_000
#: Standard deviation of a lognormal latency whose logarithm's is 0.4, as a part of the mean.
_SPREAD = 0.4165
_LANES = 6000
_WORKERS = 2
_FILL_S = 1.5
_LOOK_S = 0.5
#: In quick runs calls are ten times as quick, and so a tenth of the lanes is needed.
_QUICKER = 10
#: Of the lanes that are needed in the end.
_FOUND = 0.9
#: Into the run, in calls' times: as many are under way as there will be.
_PAUSED_AFTER = 1.3
_GRACE_S = 0.1


@dataclass(kw_only=True, slots=True)
class _Watched:
    """What was seen of a run while it went on."""

    found_s: float | None = None
    most_lanes: int = 0
    most_bytes: int = 0
    cpu_s: Mapping[str, float] = field(default_factory=dict)


def run(bench: Bench) -> Rows:
    """Three runs on the same two workers, warmed up by a small one."""
    latency_ms = _LATENCY_MS // (_QUICKER if bench.quick else 1)
    lanes = _LANES // (_QUICKER if bench.quick else 1)
    epics = bench.epics(_EPICS)
    bench.empty()
    with ExitStack() as opened:
        provider = opened.enter_context(simulated_provider(bench, latency_ms=100))
        client = opened.enter_context(signed_in(bench))
        workers = _workers(bench, opened, provider, lanes)
        runs.run_to_end(epics=50, lanes=50)
        trees = {**workers, **bench.servers(), "simulator": provider.tree}
        figures: dict[str, dict[str, Value]] = {}
        for name, count in (("lanes given", lanes), ("lanes found", None)):
            started = _start(provider, epics=epics, lanes=count, latency_ms=latency_ms)
            watched = _watch(started, epics, trees, workers, latency_ms=latency_ms)
            figures[name] = _figures(watched, provider.calls(), epics, adaptive=count is None)
        started = _start(provider, epics=epics, lanes=lanes, latency_ms=latency_ms)
        time.sleep(_PAUSED_AFTER * latency_ms / 1000)
        figures["paused"] = _pause(client, provider, started)
    every = dict.fromkeys(figure for column in figures.values() for figure in column)
    columns = {name: {**every, **column} for name, column in figures.items()}
    return Rows(
        name="W8",
        title=(
            f"{epics:,} epics, {_PER_MINUTE:,} calls/min, {latency_ms / 1000:g} s lognormal, "
            f"{_WORKERS} workers, {lanes:,} lanes"
        ),
        rows=side_by_side("figure", columns),
        notes=[
            "wanted: at most 1.05 of the ideal, no 429, 1.5 GB, lanes found within 60 s",
            "wanted: a pause answered within 150 ms, and no call later than 100 ms after it",
        ],
    )


def _workers(
    bench: Bench, opened: ExitStack, provider: SimulatedProvider, lanes: int
) -> dict[str, Tree]:
    return {
        name: opened.enter_context(
            bench.worker(
                threads=lanes // _WORKERS,
                provider_url=provider.url,
                name=name,
                settings={"BATCHGEN_LIMIT_REQUESTS_PER_MINUTE": str(_PER_MINUTE)},
            )
        )
        for name in (f"w{number}@%h" for number in range(1, _WORKERS + 1))
    }


def _start(provider: SimulatedProvider, *, epics: int, lanes: int | None, latency_ms: int) -> Run:
    provider.reset()
    provider.configure(
        requests_per_minute=_PER_MINUTE,
        burst_s=1,
        latency_ms=latency_ms,
        jitter_ms=latency_ms * _SPREAD,
    )
    project = project_create(epics=epics)
    time.sleep(_FILL_S)
    return runs.start(project, lanes=lanes)


def _watch(
    run: Run, epics: int, trees: Mapping[str, Tree], workers: Mapping[str, Tree], *, latency_ms: int
) -> _Watched:
    """Until all epics are final."""
    needed = min(epics, _PER_MINUTE / 60 * latency_ms / 1000)
    watched, before, begun = _Watched(), cpu_by_name(trees), time.perf_counter()

    def done() -> int:
        run.refresh_from_db(fields=["max_concurrency"])
        watched.most_lanes = max(watched.most_lanes, run.max_concurrency)
        if watched.found_s is None and run.max_concurrency >= _FOUND * needed:
            watched.found_s = time.perf_counter() - begun
        memory = sum(tree.private_bytes() for tree in workers.values())
        watched.most_bytes = max(watched.most_bytes, memory)
        return runs.done(run)

    runs.await_count(done, epics, poll_s=_LOOK_S)
    after = cpu_by_name(trees)
    watched.cpu_s = {name: after[name] - before[name] for name in trees}
    return watched


def _figures(
    watched: _Watched, calls: Sequence[dict[str, Any]], epics: int, *, adaptive: bool
) -> dict[str, Value]:
    ideal_s, makespan_s = _ideal_s(calls), _makespan_s(calls)
    cpu_ms = {name: used * 1000 / epics for name, used in watched.cpu_s.items()}
    return {
        "makespan / ideal": spread([makespan_s / ideal_s], 3),
        "makespan, s": makespan_s,
        "ideal, s": ideal_s,
        "429": sum(call["status"] == 429 for call in calls),
        "most calls at once": _most_at_once(calls),
        "most lanes": watched.most_lanes,
        "lanes found after, s": watched.found_s if adaptive else None,
        "both workers, MB": round(watched.most_bytes / 1e6),
        **{f"CPU ms an epic, {name}": round(used, 2) for name, used in cpu_ms.items()},
    }


def _ideal_s(calls: Sequence[dict[str, Any]]) -> float:
    """From the first start to the last end, had each begun as soon as the limit allows."""
    rate = _PER_MINUTE / 60
    in_order = sorted(calls, key=lambda call: call["start"])
    return float(
        max(
            max(0.0, (place - rate) / rate) + call["end"] - call["start"]
            for place, call in enumerate(in_order)
        )
    )


def _makespan_s(calls: Sequence[dict[str, Any]]) -> float:
    return float(max(call["end"] for call in calls) - min(call["start"] for call in calls))


def _most_at_once(calls: Sequence[dict[str, Any]]) -> int:
    changes = sorted([(c["start"], 1) for c in calls] + [(c["end"], -1) for c in calls])
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def _pause(client: httpx2.Client, provider: SimulatedProvider, run: Run) -> dict[str, Value]:
    client.get(f"/runs/{run.id}").raise_for_status()
    asked = time.perf_counter()
    answer = client.post(f"/runs/{run.id}/pause", json={})
    answer_ms, answered = (time.perf_counter() - asked) * 1000, time.time()
    in_flight = answer.raise_for_status().json()["data"]["inFlight"]
    time.sleep(1)
    starts = [call["start"] - answered for call in provider.calls()]
    client.post(f"/runs/{run.id}/cancel", json={}).raise_for_status()
    return {
        "answer, ms": round(answer_ms, 1),
        "in flight": in_flight,
        "calls started after it": sum(start > 0 for start in starts),
        "calls started late": sum(start > _GRACE_S for start in starts),
    }
