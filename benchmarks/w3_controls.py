"""W3: 1,000 epics, 1 s latency, 50 lanes; a pause, and in another run a cancel, after 5 s.

The answer comes over HTTP. Calls are judged by the provider's clock, which is this machine's.
"""

import time
from dataclasses import dataclass

import httpx2

from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.rows import Rows, Value, side_by_side, spread
from benchmarks.simulated_provider import SimulatedProvider, simulated_provider
from benchmarks.web import signed_in
from runs.models import Run

_EPICS = 1000
_LANES = 50
_LATENCY_MS = 1000
_AFTER_S = 5
#: Calls that had begun on our side may reach the provider so much later.
_GRACE_S = 0.1
_QUIET_S = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class _Halt:
    """What one pause or cancel did."""

    answer_ms: float
    in_flight: int
    #: Calls that started after the answer; later than the grace period.
    started_after: int
    started_late: int
    finished_after: int
    #: From the answer to the end of the last call.
    quiet_s: float


def run(bench: Bench) -> Rows:
    """Each action in runs of its own."""
    found: dict[str, list[_Halt]] = {"pause": [], "cancel": []}
    with (
        simulated_provider(bench, latency_ms=_LATENCY_MS) as provider,
        signed_in(bench) as client,
    ):
        for _ in range(1 if bench.quick else bench.repeats):
            for action, halts in found.items():
                halts.append(_halt(bench, provider, client, action))
    wanted = "answers wanted within 50 ms, and no call later than 100 ms after them"
    late = sum(halt.started_late for halts in found.values() for halt in halts)
    return Rows(
        name="W3",
        title=f"{_EPICS} epics, {_LATENCY_MS} ms latency, {_LANES} lanes; stop after {_AFTER_S} s",
        rows=side_by_side("figure", {name: _figures(halts) for name, halts in found.items()}),
        notes=[f"{late} calls started too late; {wanted}"],
    )


def _halt(bench: Bench, provider: SimulatedProvider, client: httpx2.Client, action: str) -> _Halt:
    with bench.worker(threads=_LANES, provider_url=provider.url):
        warm = runs.run_to_end(epics=_LANES, lanes=_LANES)
        client.get(f"/runs/{warm.id}").raise_for_status()
        client.post(f"/runs/{warm.id}/{action}", json={})
        provider.reset()
        started = runs.start(project_create(epics=_EPICS), lanes=_LANES)
        time.sleep(_AFTER_S)
        asked = time.perf_counter()
        answer = client.post(f"/runs/{started.id}/{action}", json={})
        answer_ms, answered = (time.perf_counter() - asked) * 1000, time.time()
        in_flight = answer.raise_for_status().json()["data"]["inFlight"]
        time.sleep(_LATENCY_MS / 1000 + _QUIET_S)
        calls = [call for call in provider.calls() if (call["end"] or answered) >= answered]
        starts = [call["start"] - answered for call in calls]
        _end(started)
    return _Halt(
        answer_ms=answer_ms,
        in_flight=in_flight,
        started_after=sum(start > 0 for start in starts),
        started_late=sum(start > _GRACE_S for start in starts),
        finished_after=len(calls),
        quiet_s=max(call["end"] for call in calls) - answered,
    )


def _end(run: Run) -> None:
    """Nothing of this run goes on while the next one is measured."""
    Run.objects.filter(id=run.id).delete()


def _figures(halts: list[_Halt]) -> dict[str, Value]:
    return {
        "answer, ms": spread([halt.answer_ms for halt in halts], 1),
        "inFlight": spread([halt.in_flight for halt in halts], 0),
        "calls that ended after the answer": spread([halt.finished_after for halt in halts], 0),
        "calls that started after it": spread([halt.started_after for halt in halts], 0),
        f"- later than {_GRACE_S * 1000:g} ms": spread([halt.started_late for halt in halts], 0),
        "until quiet, s": spread([halt.quiet_s for halt in halts]),
    }
