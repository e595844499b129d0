"""Whatever arrives, however large and slow, whoever else is on the key, whatever Redis loses:
no more starts than the provider allows, and nobody waits for ever.

The real script, under a virtual clock, beside a provider with buckets of its own.
"""

import heapq
from dataclasses import dataclass, field
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchgen.redis import client as redis
from limiter.values import Amounts, Ceilings, Closing, Reservation, Window
from simulator.protocol.buckets import PoolLimits
from simulator.settings import Settings as ProviderSettings
from tests.integration.limiter.world import BEGIN, Clock, Process, gates, request

_PER_MINUTE = 600
_RATE = _PER_MINUTE / 60
_MOST_S = 300.0


@dataclass(frozen=True, kw_only=True)
class Load:
    """One day at the gate."""

    processes: int
    #: Calls of each run, and their priorities.
    runs: list[tuple[int, int]]
    latency_s: float
    #: Another program's requests a second.
    foreign: float
    #: When Redis forgets everything, in seconds; or never.
    lost_at: float | None
    seed: int


loads = st.builds(
    Load,
    processes=st.integers(1, 4),
    runs=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 2)), min_size=1, max_size=4),
    latency_s=st.sampled_from([0.05, 0.5, 3.0]),
    foreign=st.sampled_from([0.0, 0.0, 2.0, 5.0]),
    lost_at=st.sampled_from([None, None, 1.0, 4.0]),
    seed=st.integers(0, 2**16),
)


@dataclass
class Day:
    """The load, played."""

    load: Load
    starts: list[float] = field(default_factory=list)
    refused: int = 0
    done: int = 0
    provider: PoolLimits = field(init=False)

    def __post_init__(self) -> None:
        settings = ProviderSettings(requests_per_minute=_PER_MINUTE, burst_s=1)
        self.provider = PoolLimits(settings, BEGIN)

    def play(self) -> None:
        """Until every call was answered."""
        random = Random(self.load.seed)
        ceilings = Ceilings(requests=_PER_MINUTE, output_tokens=600_000)
        with gates(ceilings) as (gate, clock):
            processes = [
                Process(gate, clock, f"w{number}") for number in range(self.load.processes)
            ]
            for run, (calls, rank) in enumerate(self.load.runs):
                for _ in range(calls):
                    call = request(f"run-{run}", rank=rank, input_tokens=random.randrange(1, 3000))
                    random.choice(processes).join(call)
            self._play(clock, processes, random)

    def _play(self, clock: Clock, processes: list[Process], random: Random) -> None:
        begun = clock.now
        total = sum(calls for calls, _ in self.load.runs)
        answers: list[tuple[float, int, Process, Reservation]] = []
        lost, foreign_at = self.load.lost_at, begun + total / _RATE / 2
        asks = [(begun, number) for number in range(len(processes))]
        while self.done < total:
            assert clock.now < begun + _MOST_S, "somebody waits for ever"
            due, number = heapq.heappop(asks)
            clock.now = max(clock.now, due)
            if lost is not None and clock.now >= begun + lost:
                lost = None
                redis.client().flushdb()
            while self.load.foreign and foreign_at < clock.now:
                self.provider.admit(input_tokens=1, output_tokens=1, now_s=foreign_at)
                foreign_at += 1 / self.load.foreign
            process = processes[number]
            while answers and answers[0][0] <= clock.now:
                _, _, asker, permit = heapq.heappop(answers)
                self._answered(asker, permit, random)
            for permit in process.ask():
                self._begin(clock, process, permit, answers)
            assert process.grants
            wait_s = process.grants.wait_s if len(process.pending) else 0.05
            heapq.heappush(asks, (clock.now + max(wait_s, 0.001), number))

    def _begin(
        self,
        clock: Clock,
        process: Process,
        permit: Reservation,
        answers: list[tuple[float, int, Process, Reservation]],
    ) -> None:
        refusal = self.provider.admit(input_tokens=1, output_tokens=1, now_s=clock.now)
        if refusal is None:
            self.starts.append(clock.now)
            place = (clock.now + self.load.latency_s, len(self.starts), process, permit)
            heapq.heappush(answers, place)
            return
        self.refused += 1
        process.pending.close(
            Closing(seconds=refusal.retry_after_s, reason="RATE_LIMITED", granted_at=permit.at)
        )
        process.settle([permit], Amounts(), learn=False)
        process.join(permit.request)

    def _answered(self, process: Process, permit: Reservation, random: Random) -> None:
        now = process.clock.now
        bucket = self.provider.requests
        assert bucket
        left = max(0, int(bucket.level(now)))
        process.pending.observe({"requests": Window(_PER_MINUTE, left, 1)}, now)
        used = Amounts(1, permit.request.input_tokens // 2, random.randrange(100, 1000))
        process.settle([permit], used)
        self.done += 1


@given(load=loads)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
def test_never_more_than_allowed_and_everybody_gets_through(load: Load) -> None:
    day = Day(load)
    day.play()
    most = _RATE * 1.0 + 1e-6
    for first, begun in enumerate(day.starts):
        for last in range(first, len(day.starts)):
            window_s = day.starts[last] - begun
            assert last - first + 1 <= most + _RATE * window_s + 1e-6
    if not load.foreign:
        assert day.refused == 0
