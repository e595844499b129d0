"""A gate in the real Redis under a clock that the test moves, and processes that ask it."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from batchgen.redis import client as redis
from benchmarks.virtual_gate import VirtualGate
from limiter.pending import Pending, Waiter
from limiter.values import NOBODY, Amounts, Ceilings, Grants, PermitRequest, Reservation, Settlement

#: Long ago, so that no key of a test lives by the server's clock.
BEGIN = 1_000_000.0
RUN = "run-1"


def request(
    run: str = RUN,
    *,
    rank: int = 1,
    input_tokens: int = 100,
    output_cap: int = 1000,
    size_key: str = "alike",
    cache_key: str = "",
    user: str = NOBODY,
    weight: int = 1,
) -> PermitRequest:
    """A call like any other; without the cache key of others it warms no cache."""
    return PermitRequest(
        run=run,
        rank=rank,
        user=user,
        weight=weight,
        size_key=size_key,
        cache_key=cache_key,
        input_tokens=input_tokens,
        output_cap=output_cap,
    )


@dataclass
class Clock:
    """The time of all."""

    now: float = BEGIN

    def move(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Process:
    """A worker process as the gate knows it, and what it was permitted."""

    gate: VirtualGate
    clock: Clock
    name: str = "w1"
    pending: Pending = field(init=False)
    #: (when, permit) in order.
    permits: list[tuple[float, Reservation]] = field(default_factory=list)
    grants: Grants | None = None

    def __post_init__(self) -> None:
        self.pending = Pending(process=self.name)

    def join(self, *requests: PermitRequest) -> list[Waiter]:
        waiters = [Waiter(each) for each in requests]
        for waiter in waiters:
            self.pending.join(waiter)
        return waiters

    def ask(self) -> list[Reservation]:
        """Say all there is, and take what is granted; again at once where told so."""
        now = self.clock.now
        permits: list[Reservation] = []
        while True:
            self.grants = self.gate.ask(self.pending.report(now), now=now)
            granted = [waiter.reservation for waiter in self.pending.take(self.grants, now)]
            permits += [permit for permit in granted if permit]
            if self.grants.wait_s > 0 or not len(self.pending):
                break
        self.permits += [(now, permit) for permit in permits]
        return permits

    def get(self, *requests: PermitRequest) -> list[Reservation]:
        """Join and ask."""
        self.join(*requests)
        return self.ask()

    def settle(
        self, permits: Iterable[Reservation], used: Amounts | None = None, *, learn: bool = True
    ) -> None:
        """The calls are over; by default they took what was reserved."""
        for permit in permits:
            self.pending.settle(
                Settlement(
                    reservation=permit,
                    used=used or permit.amounts,
                    learn=learn and used is not None,
                )
            )


def queues_of(gate: VirtualGate) -> dict[str, dict[str, dict[str, float]]]:
    """The gate's queues as Redis has them; "" is that of users."""
    queues: dict[str, dict[str, dict[str, float]]] = json.loads(
        cast("bytes", redis.client().hget(gate.keys[0], "queues"))
    )
    return queues


@contextmanager
def gates(ceilings: Ceilings, *, filled: bool = True) -> Iterator[tuple[VirtualGate, Clock]]:
    """A gate that Redis knows, with buckets that had time to fill."""
    redis.client().flushdb()
    gate, clock = VirtualGate(redis.client(), "test:model", ceilings), Clock()
    if filled:
        Process(gate, clock, "opener").ask()
        clock.move(ceilings.burst_s * 2)
    yield gate, clock
    redis.client().flushdb()
