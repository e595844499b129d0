"""A process's coroutines at the gate, with the real Redis and the real clock."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import cast
from uuid import uuid4

import pytest
from django.db import Error as DatabaseError
from redis import RedisError
from redis.asyncio import Redis

from batchgen.redis import client as redis
from batchgen.redis.loop_client import loop_client, loop_pool
from batchgen.redis.url import parse
from limiter.gate import Gate
from limiter.keys import gate_keys
from limiter.permit_queue import PermitQueue, TryLater
from limiter.values import Amounts, Ceilings, Grants, PermitRequest, Report, Reservation
from providers.registry import limit_pool
from providers.values import CompletionRequest, Usage
from tests.integration.engine.world import FIRST
from tests.integration.limiter.world import request
from tests.loops import in_loop
from workers.permits import Permit, Permits

#: 50 a second.
CEILINGS = Ceilings(requests=3000)


class CountedGate(Gate):
    """A gate that counts how often it is asked."""

    asked = 0

    def __init__(self, client: Redis, name: str, ceilings: Ceilings) -> None:
        super().__init__(client, name, ceilings)
        self.client = client

    async def ask(self, report: Report) -> Grants:
        self.asked += 1
        return await super().ask(report)


@asynccontextmanager
async def gates(
    name: str = "test:queue", ceilings: Ceilings = CEILINGS
) -> AsyncIterator[CountedGate]:
    redis.client().flushdb()
    client = loop_client()
    try:
        yield CountedGate(client, name, ceilings)
    finally:
        await client.aclose()
        redis.client().flushdb()


async def open_still() -> None:
    """No closing is known elsewhere."""


def queue_of(gate: Gate, process: str = "w1") -> PermitQueue:
    return PermitQueue(gate, process=process, closed=open_still)


async def warmed(gate: Gate) -> PermitQueue:
    """A queue at a gate that Redis knows, where the provider keeps the prompt's beginning."""
    queue = queue_of(gate)
    await queue.touch()
    queue.settle(await permit_of(queue), Amounts(1, 50, 50))
    await queue.flush()
    return queue


async def permit_of(queue: PermitQueue, asked: PermitRequest | None = None) -> Reservation:
    """The permit of a call that gets one soon."""
    permit = await queue.acquire(asked or request(), patience_s=5)
    assert isinstance(permit, Reservation)
    return permit


@in_loop
async def test_50_lanes_of_two_processes_ask_hardly_more_often_than_they_call() -> None:
    async with gates() as gate, gates() as other:
        queues = (queue_of(gate), queue_of(other, "w2"))
        await queues[0].touch()

        async def lane(number: int) -> int:
            queue, calls = queues[number % 2], 0
            while calls < 4:
                permit = await queue.acquire(request(), patience_s=1)
                if isinstance(permit, TryLater):
                    await asyncio.sleep(permit.seconds)
                    continue
                queue.settle(permit, Amounts(1, 50, 50))
                calls += 1
            return calls

        calls = sum(await asyncio.gather(*map(lane, range(50))))
        assert calls == 200
        assert (gate.asked + other.asked) / calls <= 1.5


@in_loop
async def test_nobody_waits_in_line_at_a_closed_gate() -> None:
    async with gates() as gate:
        queue = queue_of(gate)
        await queue.touch()
        await queue.refuse(await permit_of(queue), seconds=30, reason="RATE_LIMITED")
        assert queue.refusals == 1
        begun = time.monotonic()
        waits = await asyncio.gather(*(queue.acquire(request(), patience_s=5) for _ in range(9)))
        for wait in waits:
            assert isinstance(wait, TryLater)
            assert wait.reason == "gate-closed"
            assert 25 < wait.seconds <= 30
        assert time.monotonic() - begun < 4


@in_loop
async def test_what_redis_forgot_of_a_closed_gate_is_known_elsewhere() -> None:
    async def closed() -> tuple[float, str]:
        return 30.0, "RATE_LIMITED"

    async with gates() as gate:
        queue = PermitQueue(gate, process="w1", closed=closed)
        wait = await queue.acquire(request(), patience_s=1)
        assert isinstance(wait, TryLater)
        assert wait.reason == "gate-closed"


@in_loop
async def test_while_nobody_can_say_whether_it_was_closed_no_call_starts() -> None:
    """Redis forgot the gate, and PostgreSQL is away as well."""
    tries = 0

    async def closed() -> tuple[float, str] | None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise DatabaseError("the server closed the connection")
        return 30.0, "RATE_LIMITED"

    async with gates() as gate:
        queue = PermitQueue(gate, process="w1", closed=closed)
        wait = await queue.acquire(request(), patience_s=0.3)
        assert isinstance(wait, TryLater)
        assert wait.reason == "limiter-away"
        wait = await queue.acquire(request(), patience_s=2)
        assert isinstance(wait, TryLater)
        assert wait.reason == "gate-closed"
        assert tries == 3


@in_loop
async def test_while_redis_is_away_nothing_is_permitted() -> None:
    away = Redis.from_pool(loop_pool(parse("redis://127.0.0.1:1")))
    gate = CountedGate(away, "test:away", CEILINGS)
    queue = queue_of(gate)
    waits = await asyncio.gather(*(queue.acquire(request(), patience_s=0.6) for _ in range(9)))
    assert {type(wait) for wait in waits} == {TryLater}
    assert {cast("TryLater", wait).reason for wait in waits} == {"limiter-away"}
    assert gate.asked <= 4
    await away.aclose()


@in_loop
async def test_those_that_wait_are_served_when_redis_is_back() -> None:
    class Away(CountedGate):
        async def ask(self, report: Report) -> Grants:
            self.asked += 1
            if self.asked < 3:
                raise RedisError("away")
            return await super().ask(report)

    async with gates() as known:
        await warmed(known)
        queue = queue_of(Away(known.client, known.name, CEILINGS))
        await asyncio.gather(*(permit_of(queue) for _ in range(3)))


@in_loop
async def test_when_one_that_waits_leaves_the_others_go_on() -> None:
    """Its patience ends while the bucket is empty; the others must not wait for it for ever."""
    async with gates() as gate:
        queue = await warmed(gate)
        results = await asyncio.gather(
            *(queue.acquire(request(), patience_s=0.02 if place == 0 else 5) for place in range(20))
        )
        assert sum(isinstance(each, Reservation) for each in results) >= 19


@in_loop
async def test_a_call_of_higher_rank_is_not_asked_for_late() -> None:
    async with gates("test:slow", Ceilings(requests=60)) as slow:
        queue = queue_of(slow)
        await queue.touch()
        low = asyncio.create_task(queue.acquire(request("low", rank=2), patience_s=3))
        await asyncio.sleep(0.05)
        assert len(queue) == 1
        before = slow.asked
        high = asyncio.create_task(queue.acquire(request("high", rank=0), patience_s=3))
        await asyncio.sleep(0.2)
        assert slow.asked > before
        assert isinstance(await high, Reservation)
        await low


@in_loop
async def test_a_call_whose_usage_nobody_said_teaches_nothing_about_others() -> None:
    async with gates() as gate:
        queue = queue_of(gate)
        await queue.touch()

        async def next_reserved(usage: Usage | None) -> Amounts:
            for permit in await asyncio.gather(permit_of(queue), permit_of(queue)):
                Permit(queue, permit).answered(usage, None)
            await queue.flush()
            return (await permit_of(queue)).amounts

        first = await next_reserved(None)
        assert first.output_tokens >= request().output_cap
        learned = await next_reserved(Usage(input_tokens=1, output_tokens=1))
        assert learned.output_tokens < first.output_tokens


class StagedGate(CountedGate):
    """A gate whose next ask is disturbed as it begins, and as its answer is there."""

    begins: Callable[[], object] = staticmethod(lambda: None)
    ends: Callable[[], object] = staticmethod(lambda: None)

    async def ask(self, report: Report) -> Grants:
        begins, ends = self.begins, self.ends
        self.begins = self.ends = lambda: None
        begins()
        grants = await super().ask(report)
        ends()
        return grants


async def cancelled(gate: StagedGate, queue: PermitQueue, when: str) -> None:
    """A call that is given up at that moment."""
    lane = asyncio.create_task(permit_of(queue))
    match when:
        case "it waits":
            await asyncio.sleep(0)
            lane.cancel()
        case "it asks":
            gate.begins = lane.cancel
        case "it is granted":
            gate.ends = lane.cancel
        case "it was granted and has not heard of it":
            gate.ends = partial(asyncio.get_running_loop().call_soon, lane.cancel)
    await asyncio.wait([lane])
    assert lane.cancelled()


@pytest.mark.parametrize(
    "when", ["it waits", "it asks", "it is granted", "it was granted and has not heard of it"]
)
@in_loop
async def test_whoever_is_cancelled_takes_no_permit_along(when: str) -> None:
    async with gates("test:slots", Ceilings(slots=1)) as known:
        await queue_of(known).touch()
        gate = StagedGate(known.client, known.name, Ceilings(slots=1))
        queue = queue_of(gate)
        await cancelled(gate, queue, when)
        another = request("another run", cache_key="a text of its own")
        queue.give_back(await permit_of(queue, another))
        await queue.flush()
        assert held(gate) == 0


@in_loop
async def test_whoever_tells_the_gate_may_be_cancelled_and_the_ask_goes_on() -> None:
    async with gates() as known:
        gate = StagedGate(known.client, known.name, CEILINGS)
        queue = queue_of(gate)
        await queue.touch()
        waiting = asyncio.create_task(permit_of(queue))
        telling = asyncio.create_task(queue.touch())
        gate.begins = telling.cancel
        assert isinstance(await waiting, Reservation)
        assert telling.cancelled()


@in_loop
async def test_refusals_that_are_told_together_close_the_gate_for_the_longest() -> None:
    async with gates() as gate:
        queue = await warmed(gate)
        permits = await asyncio.gather(*(permit_of(queue) for _ in range(3)))
        asked = gate.asked
        await asyncio.gather(
            *(
                queue.refuse(permit, seconds=seconds, reason="RATE_LIMITED")
                for permit, seconds in zip(permits, (40, 60, 20), strict=True)
            )
        )
        assert gate.asked == asked + 1
        assert queue.refusals == 1
        wait = await queue.acquire(request(), patience_s=1)
        assert isinstance(wait, TryLater)
        assert 50 < wait.seconds <= 60


@in_loop
async def test_a_further_call_asks_a_closed_gate_now_and_then_until_it_is_given_up() -> None:
    async with gates() as gate:
        permits = Permits(gate.client, process=uuid4())
        queue = permits._queues[limit_pool(FIRST.model)] = await warmed(gate)
        await queue.refuse(await permit_of(queue), seconds=30, reason="RATE_LIMITED")
        before, until = gate.asked, time.monotonic() + 1.2
        completion = CompletionRequest(
            model=FIRST.model,
            max_tokens=9,
            system=(),
            user="x",
            schema={},
            marker="",
            purpose="repair",
        )
        found = await permits.next(completion, FIRST, given_up=lambda: time.monotonic() > until)
        assert found is None
        assert gate.asked - before <= 8


def held(gate: Gate) -> int:
    """What all processes hold, as Redis has it."""
    return int(cast("bytes", redis.client().hget(gate_keys(gate.name)[0], "held")))
