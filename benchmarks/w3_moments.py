"""W3R: a run of 10,000 epics, 20 lanes over two workers; 200 pauses and cancels at random moments.

All requests go over HTTP to a real web process, one after the other. After each answer the run is
left to come to rest; then it is resumed, or a new run of as many epics is started. Calls are
judged by the clock that the provider shares with this process.
"""

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx2

from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.rows import Rows, Value, side_by_side
from benchmarks.simulated_provider import simulated_provider
from benchmarks.web import signed_in
from epics.models import Project
from runs.models import Lane, Run
from runs.states import LaneState

_EPICS = 10_000
_LANES = 20
_WORKERS = 2
_LATENCY_MS = 500
_JITTER_MS = 150
_ROUNDS = 200
_SEED = 1
#: A cancel means a new run of 10,000 epics, which takes seconds to start.
_WEIGHTS = {"pause": 9, "cancel": 1}
_MOMENT_S = (0.02, 0.6)
#: Calls that had begun on our side may reach the provider so much later.
_GRACE_S = 0.1
_DRAIN_S = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class _Halt:
    """One pause or cancel; times are monotonic seconds."""

    action: str
    asked: float
    answered: float
    #: When the run was let go on.
    until: float
    in_flight: int
    #: Epics that ended after the answer, and after the request: the answer's moment lies between.
    ended_after: int
    ended_since: int

    @property
    def fits(self) -> bool:
        """Whether as many epics ended as `inFlight` said."""
        return self.ended_after <= self.in_flight <= self.ended_since


def run(bench: Bench) -> Rows:
    """All rounds against the same two workers."""
    bench.empty()
    random = Random(_SEED)
    halts: list[_Halt] = []
    with ExitStack() as opened:
        provider = opened.enter_context(simulated_provider(bench, latency_ms=_LATENCY_MS))
        client = opened.enter_context(signed_in(bench))
        for number in range(_WORKERS):
            name = f"w{number + 1}@%h"
            opened.enter_context(bench.worker(threads=_LANES, provider_url=provider.url, name=name))
        provider.configure(jitter_ms=_JITTER_MS)
        project = project_create(epics=bench.epics(_EPICS))
        started = _started(project)
        for _ in range(_ROUNDS // 10 if bench.quick else _ROUNDS):
            time.sleep(random.uniform(*_MOMENT_S))
            (action,) = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
            halts.append(_halt(client, started, action))
            started = _gone_on(client, project, started, action)
        client.post(f"/runs/{started.id}/cancel", json={}).raise_for_status()
        calls = provider.calls()
    return Rows(
        name="W3R",
        title=f"{project.epics.count()} epics, {_LANES} lanes, {_WORKERS} workers, "
        f"{_LATENCY_MS} ms latency; {len(halts)} stops at random moments",
        rows=side_by_side("figure", _columns(halts, calls)),
        notes=["wanted: p99 below 100 ms, no call started later than 100 ms, inFlight as ended"],
    )


def _started(project: Project) -> Run:
    started = runs.start(project, lanes=_LANES)
    runs.await_done(started, _LANES)
    return started


def _halt(client: httpx2.Client, run: Run, action: str) -> _Halt:
    before, asked = runs.done(run), time.monotonic()
    answer = client.post(f"/runs/{run.id}/{action}", json={})
    answered, after = time.monotonic(), runs.done(run)
    in_flight = answer.raise_for_status().json()["data"]["inFlight"]
    _await_rest(run)
    ended = runs.done(run)
    return _Halt(
        action=action,
        asked=asked,
        answered=answered,
        until=time.monotonic(),
        in_flight=in_flight,
        ended_after=ended - after,
        ended_since=ended - before,
    )


def _await_rest(run: Run) -> None:
    deadline = time.monotonic() + _DRAIN_S
    while Lane.objects.filter(run=run).exclude(state=LaneState.IDLE).exists():
        if time.monotonic() > deadline:
            raise runs.DidNotFinish(f"The run is not at rest after {_DRAIN_S} s.")
        time.sleep(0.01)


def _gone_on(client: httpx2.Client, project: Project, run: Run, action: str) -> Run:
    if action == "pause":
        client.post(f"/runs/{run.id}/resume", json={}).raise_for_status()
        return run
    return _started(project)


def _columns(halts: list[_Halt], calls: list[dict[str, Any]]) -> dict[str, dict[str, Value]]:
    starts = sorted(call["start_monotonic"] for call in calls)
    columns = {"all": _figures(halts, starts)}
    for action in _WEIGHTS:
        if chosen := [halt for halt in halts if halt.action == action]:
            columns[action] = _figures(chosen, starts)
    return columns


def _figures(halts: list[_Halt], starts: list[float]) -> dict[str, Value]:
    answers_ms = sorted((halt.answered - halt.asked) * 1000 for halt in halts)
    lates_s = [
        at - halt.answered for halt in halts for at in starts if halt.answered < at < halt.until
    ]
    return {
        "stops": len(halts),
        "answer, ms: p50": _quantile(answers_ms, 0.5),
        "- p99": _quantile(answers_ms, 0.99),
        "- longest": answers_ms[-1],
        "inFlight, all together": sum(halt.in_flight for halt in halts),
        "stops after which another number of epics ended": sum(not halt.fits for halt in halts),
        "calls started after the answer": len(lates_s),
        "- the last one, ms after it": max(lates_s, default=0.0) * 1000,
        f"- later than {_GRACE_S * 1000:g} ms": sum(late > _GRACE_S for late in lates_s),
    }


def _quantile(ordered: list[float], part: float) -> float:
    """The smallest value that at least this part of them does not exceed."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]
