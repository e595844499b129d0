"""A process's coroutines at the gate, with the real Redis and the real clock."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

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
from providers.values import Usage
from tests.integration.limiter.world import request
from tests.loops import in_loop
from workers.permits import Permit

#: 50 a second.
CEILINGS = Ceilings(requests=3000)


class CountedGate(Gate):
    """A gate that counts how often it is asked."""

    asked = 0

    async def ask(self, report: Report) -> Grants:
        self.asked += 1
        return await super().ask(report)


@asynccontextmanager
async def gates(
    name: str = "test:queue", ceilings: Ceilings = CEILINGS
) -> AsyncIterator[CountedGate]:
    redis.client().flushdb()
    client = loop_client()
    yield CountedGate(client, name, ceilings)
    await client.aclose()
    redis.client().flushdb()


async def open_still() -> None:
    """No closing is known elsewhere."""


def queue_of(gate: Gate, process: str = "w1") -> PermitQueue:
    return PermitQueue(gate, process=process, closed=open_still)


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
        await queue_of(known).touch()
        client = loop_client()
        queue = queue_of(Away(client, known.name, CEILINGS))
        await asyncio.gather(*(permit_of(queue) for _ in range(3)))
        await client.aclose()


@in_loop
async def test_when_one_that_waits_leaves_the_others_go_on() -> None:
    """Its patience ends while the bucket is empty; the others must not wait for it for ever."""
    async with gates() as gate:
        queue = queue_of(gate)
        await queue.touch()
        queue.settle(await permit_of(queue), Amounts(1, 50, 50))
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


def held(gate: Gate) -> int:
    """What all processes hold, as Redis has it."""
    return int(cast("bytes", redis.client().hget(gate_keys(gate.name)[0], "held")))


@pytest.mark.parametrize("turns", range(12))
@in_loop
async def test_whoever_is_cancelled_while_permits_come_takes_none_along(turns: int) -> None:
    """Cancelled at each turn of the loop: while it waits, while its ask is under way, and when it
    was granted and has not heard of it."""
    async with gates("test:slots", Ceilings(slots=4)) as gate:
        queue = queue_of(gate)
        await queue.touch()
        Permit(queue, await permit_of(queue)).answered(None, None)
        lanes = [asyncio.create_task(permit_of(queue)) for _ in range(4)]
        for _ in range(turns):
            await asyncio.sleep(0)
        if turns > 8:
            await asyncio.sleep(0.01 * (turns - 8))
        for lane in lanes:
            lane.cancel()
        found = await asyncio.gather(*lanes, return_exceptions=True)
        for permit in found:
            if isinstance(permit, Reservation):
                queue.give_back(permit)
        others = [asyncio.create_task(permit_of(queue)) for _ in range(4)]
        for permit in await asyncio.gather(*others):
            queue.give_back(permit)
        await queue.flush()
        assert (held(gate), len(queue)) == (0, 0)
