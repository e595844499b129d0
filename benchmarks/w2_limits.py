"""W2: two workers at a provider that allows 20 calls a second, whichever dimension binds.

W2 requests, W2i input tokens, W2o output tokens; then the harder cases: a ceiling that is set
twice too high, and another program that takes half of the key from the middle on. The ideal is
what a bucket that starts full lets through, and the last call's latency.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx2

from batchgen.redis import client as redis
from benchmarks import runs
from benchmarks.backlogs import project_create
from benchmarks.bench import Bench
from benchmarks.rows import Rows, Value, side_by_side, spread
from benchmarks.simulated_provider import SimulatedProvider, simulated_provider
from runs.models import RunItem

_EPICS = 400
_LANES = 20
_LATENCY_MS = 200
_WARM_UP = 60
_CALLS_PER_S = 20
_BURST_S = 1
_FOREIGN_PER_S = 10
#: Long enough for our buckets to be as full as the provider's.
_FILL_S = 3
_MARKER = "foreign"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    """One provider, and what our settings say of it."""

    #: The dimension that binds, as in the simulator's settings.
    dimension: str
    #: Our ceiling, as a multiple of what the provider gives.
    ceiling: float = 1.0
    foreign: bool = False


_CASES = {
    "W2 requests": _Case(dimension="requests"),
    "W2i input": _Case(dimension="input_tokens"),
    "W2o output": _Case(dimension="output_tokens"),
    "twice too high": _Case(dimension="requests", ceiling=2.0),
    "half taken": _Case(dimension="requests", foreign=True),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Round:
    """One run's figures."""

    makespan_s: float
    ideal_s: float
    calls: int
    refused: int
    #: Refused calls that began a second or more after the first.
    refused_later: int
    failed: int = 0
    #: Per provider call.
    limiter_calls: float = 0.0


def run(bench: Bench) -> Rows:
    """Every case, with workers of its own."""
    columns = {}
    with simulated_provider(bench, latency_ms=_LATENCY_MS) as provider:
        for name, case in _CASES.items():
            rounds = [_case(bench, provider, case) for _ in range(_repeats(bench))]
            columns[name] = _figures(rounds)
    return Rows(
        name="W2",
        title=f"{bench.epics(_EPICS)} epics, {_LATENCY_MS} ms, {_CALLS_PER_S} calls/s, 2 workers",
        rows=side_by_side("figure", columns),
        notes=[
            "wanted: requests at most 1.01 and no 429; tokens 1.03 and 0.5 %; none failed",
            "wanted, twice too high: 1.1, and 1 % after the first second; half taken: 2 %",
        ],
    )


def _repeats(bench: Bench) -> int:
    return 1 if bench.quick else bench.repeats


def _case(bench: Bench, provider: SimulatedProvider, case: _Case) -> _Round:
    bench.empty()
    provider.reset()
    with ExitStack() as opened:
        per_minute = _per_minute(bench, provider, case)
        limits = {f"BATCHGEN_LIMIT_{case.dimension.upper()}_PER_MINUTE": per_minute * case.ceiling}
        for name in ("w1@%h", "w2@%h"):
            opened.enter_context(
                bench.worker(
                    threads=_LANES,
                    provider_url=provider.url,
                    name=name,
                    settings={key: str(round(value)) for key, value in limits.items()},
                )
            )
        runs.run_to_end(epics=_LANES, lanes=_LANES)
        seen = len(provider.calls())
        provider.configure(**{f"{case.dimension}_per_minute": per_minute, "burst_s": _BURST_S})
        time.sleep(_FILL_S)
        asked = _limiter_calls()
        if case.foreign:
            opened.enter_context(_foreign_program(provider, after_s=_ideal_s(bench) / 2))
        project = project_create(epics=bench.epics(_EPICS))
        started = runs.start(project, lanes=_LANES)
        runs.await_done(started, bench.epics(_EPICS))
        asked = _limiter_calls() - asked
    calls = [call for call in provider.calls()[seen:] if call["marker"] != _MARKER]
    failed = RunItem.objects.filter(run=started).exclude(status="COMPLETED").count()
    found = _round(bench, case, calls, per_minute / 60)
    return replace(found, failed=failed, limiter_calls=asked / len(calls))


def _per_minute(bench: Bench, provider: SimulatedProvider, case: _Case) -> int:
    """The limit under which the dimension lets 20 calls a second through.

    Found by a small run without limits, by which the limiter also learns the calls' sizes.
    """
    if case.dimension == "requests":
        return _CALLS_PER_S * 60
    with bench.worker(threads=_LANES, provider_url=provider.url):
        runs.run_to_end(epics=_WARM_UP, lanes=_LANES)
    calls = provider.calls()[_LANES:]
    return round(_CALLS_PER_S * 60 * sum(_cost(case, call) for call in calls) / len(calls))


def _cost(case: _Case, call: Mapping[str, Any]) -> int:
    if case.dimension == "requests":
        return 1
    if case.dimension == "input_tokens":
        return int(call["input_tokens"] + call["cache_write_tokens"])
    return int(call["output_tokens"])


def _ideal_s(bench: Bench) -> float:
    return bench.epics(_EPICS) / _CALLS_PER_S


def _limiter_calls() -> int:
    """Scripts that Redis has run so far; nobody else runs any."""
    stats = redis.client().info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("eval", "evalsha"))


def _round(bench: Bench, case: _Case, calls: list[dict[str, Any]], rate: float) -> _Round:
    first = min(call["start"] for call in calls)
    answered = [call for call in calls if call["status"] == 200]
    refused = [call for call in calls if call["status"] == 429]
    cost = sum(_cost(case, call) for call in answered)
    alone_s = cost / rate - _BURST_S
    if case.foreign:
        # From then on only a part of the rate is left.
        begins_s = _ideal_s(bench) / 2
        alone_s = begins_s + (alone_s - begins_s) * rate / (rate - _FOREIGN_PER_S)
    return _Round(
        makespan_s=max(call["end"] for call in calls) - first,
        ideal_s=alone_s + _LATENCY_MS / 1000,
        calls=len(calls),
        refused=len(refused),
        refused_later=sum(call["start"] - first > 1 for call in refused),
    )


@contextmanager
def _foreign_program(provider: SimulatedProvider, *, after_s: float) -> Iterator[None]:
    """Another user of the key, who takes its calls whatever we do."""
    stop = threading.Event()

    def take() -> None:
        body = {
            "model": "claude-sonnet-5-5",
            "max_tokens": 10,
            "messages": [{"role": "user", "content": "Hello."}],
            "metadata": {"user_id": _MARKER},
        }
        headers = {"x-api-key": "foreign", "anthropic-version": "2026-10-21"}
        with (
            httpx2.Client(base_url=provider.url, headers=headers, trust_env=False) as client,
            ThreadPoolExecutor() as pool,
        ):
            while not stop.wait(1 / _FOREIGN_PER_S):
                pool.submit(client.post, "/v1/messages", json=body)

    def later() -> None:
        if not stop.wait(after_s):
            take()

    thread = threading.Thread(target=later)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _figures(rounds: list[_Round]) -> dict[str, Value]:
    return {
        "makespan / ideal": spread([each.makespan_s / each.ideal_s for each in rounds], 3),
        "makespan, s": spread([each.makespan_s for each in rounds]),
        "ideal, s": spread([each.ideal_s for each in rounds]),
        "calls": spread([each.calls for each in rounds], 0),
        "429": spread([each.refused for each in rounds], 0),
        "- after the first second": spread([each.refused_later for each in rounds], 0),
        "epics failed": spread([each.failed for each in rounds], 0),
        "limiter calls per call": spread([each.limiter_calls for each in rounds]),
    }
