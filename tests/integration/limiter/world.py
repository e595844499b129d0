"""A gate in the real Redis under a clock that the test moves, and processes that ask it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from batchgen.redis import client as redis
from limiter.gate import (
    NOBODY,
    Amounts,
    Ceilings,
    Gate,
    Permit,
    Settled,
    Verdict,
    Want,
)
from limiter.lineup import Lineup, Ticket

#: Long ago, so that no key of a test lives by the server's clock.
BEGIN = 1_000_000.0
RUN = "run-1"


def want(
    run: str = RUN,
    *,
    rank: int = 1,
    input_tokens: int = 100,
    output_cap: int = 1000,
    kind: str = "kind",
    prefix: str = "",
    user: str = NOBODY,
    weight: int = 1,
) -> Want:
    """A call like any other; without a prefix of others it warms no cache."""
    return Want(
        run=run,
        rank=rank,
        user=user,
        weight=weight,
        kind=kind,
        prefix=prefix,
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

    gate: Gate
    clock: Clock
    name: str = "w1"
    lineup: Lineup = field(init=False)
    #: (when, permit) in order.
    permits: list[tuple[float, Permit]] = field(default_factory=list)
    verdict: Verdict | None = None

    def __post_init__(self) -> None:
        self.lineup = Lineup(process=self.name)

    def join(self, *wants: Want) -> list[Ticket]:
        tickets = [Ticket(each) for each in wants]
        for ticket in tickets:
            self.lineup.join(ticket)
        return tickets

    def ask(self) -> list[Permit]:
        """Say all there is, and take what is granted; again at once where told so."""
        now = self.clock.now
        permits: list[Permit] = []
        while True:
            self.verdict = self.gate.ask(self.lineup.report(now), now=now)
            granted = [ticket.permit for ticket in self.lineup.answer(self.verdict, now)]
            permits += [permit for permit in granted if permit]
            if self.verdict.wait_s > 0 or not len(self.lineup):
                break
        self.permits += [(now, permit) for permit in permits]
        return permits

    def get(self, *wants: Want) -> list[Permit]:
        """Join and ask."""
        self.join(*wants)
        return self.ask()

    def settle(
        self, permits: Iterable[Permit], used: Amounts | None = None, *, learn: bool = True
    ) -> None:
        """The calls are over; by default they took what was reserved."""
        for permit in permits:
            self.lineup.settle(
                Settled(
                    permit=permit, used=used or permit.reserved, learn=learn and used is not None
                )
            )


@contextmanager
def gates(ceilings: Ceilings, *, filled: bool = True) -> Iterator[tuple[Gate, Clock]]:
    """A gate that Redis knows, with buckets that had time to fill."""
    redis.client().flushdb()
    gate, clock = Gate(redis.client(), "test:model", ceilings), Clock()
    if filled:
        Process(gate, clock, "opener").ask()
        clock.move(ceilings.burst_s * 2)
    yield gate, clock
    redis.client().flushdb()
