"""SIM: 1,000 workers and 1,000,000 calls, under a virtual clock.

The real script in a real Redis, asked as workers ask it: what a machine of two cores cannot
hold, it can play. Each worker has 60 lanes, each call takes 30 s; 100,000 calls a minute are
allowed, of which the lanes could make 120,000.
"""

import heapq
import time
from collections import deque
from dataclasses import dataclass, field
from random import Random

from batchgen.redis import client as redis
from benchmarks.bench import Bench
from benchmarks.rows import Rows, side_by_side
from benchmarks.virtual_gate import VirtualGate
from limiter.pending import Pending, Waiter
from limiter.values import Amounts, Ceilings, PermitRequest, Reservation, Settlement
from simulator.protocol.buckets import PoolLimits
from simulator.settings import Settings as ProviderSettings

_WORKERS, _LANES, _RUNS = 1000, 60, 100
_CALLS = 1_000_000
_PER_MINUTE = 100_000
_LATENCY_S, _LATENCY_SPREAD_S = 30.0, 5.0
#: On its way from us to the provider.
_TRANSIT_S = 0.02
_BEGIN = 1_000_000.0
_FILL_S = 2.0
_ASK, _ARRIVE, _ANSWER = range(3)


@dataclass
class _Fleet:
    """Workers, the provider, and what is going to happen."""

    gate: VirtualGate
    random: Random
    workers: int
    calls: int
    per_minute: int
    now: float = _BEGIN
    asked: int = 0
    granted: int = 0
    refused: int = 0
    answered: int = 0
    starts: deque[float] = field(default_factory=deque)
    most_in_a_second: int = 0
    longest_s: float = 0.0
    by_run: dict[str, int] = field(default_factory=dict)
    _events: list[tuple[float, int, int, int, Reservation | None]] = field(default_factory=list)
    _asks_at: dict[int, float] = field(default_factory=dict)
    _since: dict[Waiter, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        limits = ProviderSettings(requests_per_minute=self.per_minute, burst_s=1)
        self.provider = PoolLimits(limits, _BEGIN)
        self.pending = [Pending(process=f"w{number}") for number in range(self.workers)]
        self._serial = 0

    def play(self) -> float:
        """Until so many calls were answered; the virtual seconds from the first to the last."""
        self.gate.ask(self.pending[0].report(self.now), now=self.now)
        begun = self.now = self.now + _FILL_S
        for worker in range(self.workers):
            for _ in range(_LANES):
                self._request(worker, f"run-{self.random.randrange(_RUNS)}")
        while self.answered < self.calls:
            self.now, _, what, worker, permit = heapq.heappop(self._events)
            if what == _ASK:
                self._ask(worker)
            elif permit is not None and what == _ARRIVE:
                self._arrive(worker, permit)
            elif permit is not None:
                self._answer(worker, permit)
        return self.now - begun

    def _later(
        self, seconds: float, what: int, worker: int, permit: Reservation | None = None
    ) -> None:
        self._serial += 1
        heapq.heappush(self._events, (self.now + seconds, self._serial, what, worker, permit))

    def _request(self, worker: int, run: str) -> None:
        waiter = Waiter(
            PermitRequest(
                run=run, rank=1, size_key="k", cache_key=run, input_tokens=2000, output_cap=2000
            )
        )
        self._since[waiter] = self.now
        self.pending[worker].join(waiter)
        self._ask_when_due(worker)

    def _ask_when_due(self, worker: int) -> None:
        due = self.now + self.pending[worker].due_s(self.now)
        if due < self._asks_at.get(worker, float("inf")):
            self._asks_at[worker] = due
            self._later(due - self.now, _ASK, worker)

    def _ask(self, worker: int) -> None:
        if self._asks_at.get(worker, float("inf")) > self.now:
            return
        del self._asks_at[worker]
        pending = self.pending[worker]
        if not len(pending):
            return
        self.asked += 1
        grants = self.gate.ask(pending.report(self.now), now=self.now)
        for waiter in pending.take(grants, self.now):
            self.granted += 1
            self.longest_s = max(self.longest_s, self.now - self._since.pop(waiter))
            self._later(_TRANSIT_S * self.random.random(), _ARRIVE, worker, waiter.reservation)
        if len(pending):
            self._ask_when_due(worker)

    def _arrive(self, worker: int, permit: Reservation) -> None:
        refusal = self.provider.admit(input_tokens=0, output_tokens=0, now_s=self.now)
        if refusal is not None:
            self.refused += 1
        self.starts.append(self.now)
        while self.starts[0] < self.now - 1:
            self.starts.popleft()
        self.most_in_a_second = max(self.most_in_a_second, len(self.starts))
        latency_s = max(1.0, self.random.gauss(_LATENCY_S, _LATENCY_SPREAD_S))
        self._later(latency_s, _ANSWER, worker, permit)

    def _answer(self, worker: int, permit: Reservation) -> None:
        self.answered += 1
        run = permit.request.run
        self.by_run[run] = self.by_run.get(run, 0) + 1
        used = Amounts(1, self.random.randrange(500, 900), self.random.randrange(600, 1800))
        self.pending[worker].settle(Settlement(reservation=permit, used=used, learn=True))
        self._request(worker, run)


def run(bench: Bench) -> Rows:
    """Once."""
    bench.empty()
    share = 10 if bench.quick else 1
    gate = VirtualGate(
        redis.client(), "sim:model", Ceilings(requests=_PER_MINUTE // share, burst_s=1.0)
    )
    fleet = _Fleet(
        gate=gate,
        random=Random(1),
        workers=_WORKERS // share,
        calls=_CALLS // share,
        per_minute=_PER_MINUTE // share,
    )
    begun = time.perf_counter()
    virtual_s = fleet.play()
    took_s = time.perf_counter() - begun
    rate = _PER_MINUTE / share / 60
    ideal_s = max((fleet.calls - rate) / rate + _LATENCY_S, 0.0)
    fair = fleet.by_run.values()
    figures = {
        "makespan / ideal (virtual)": virtual_s / ideal_s,
        "virtual seconds": virtual_s,
        "calls": fleet.answered,
        "refused": fleet.refused,
        "limiter calls per permitted call": fleet.asked / fleet.granted,
        "most starts within a second / allowed": fleet.most_in_a_second / (2 * rate),
        "longest wait for a permit, s": fleet.longest_s,
        "calls of a run: most / least": max(fair) / min(fair),
        "played in, s": took_s,
        "a limiter call, ms": took_s / fleet.asked * 1000,
    }
    return Rows(
        name="SIM",
        title=f"{fleet.workers:,} workers, {fleet.calls:,} calls, {rate:,.0f} a second",
        rows=side_by_side("figure", {"batchgen": figures}),
        notes=["wanted: no start more than allowed, and nobody waits for ever"],
    )
