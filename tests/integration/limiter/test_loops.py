"""Three processes' loops at one gate: the rate and the slots hold, whoever is given up."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import combinations
from random import Random
from typing import Any, cast

import pytest

from batchgen.redis import client as redis
from limiter.gate import Gate
from limiter.keys import gate_keys
from limiter.permit_queue import PermitQueue, TryLater
from limiter.values import Amounts, Ceilings, Reservation
from tests.integration.limiter.world import request
from tests.loops import Loop, running_loop

_NAME = "test:loops"
_LOOPS = 3


async def open_still() -> None:
    """No closing is known elsewhere."""


def in_each_loop(
    ceilings: Ceilings, work: Callable[[PermitQueue, Random], Coroutine[Any, Any, None]]
) -> int:
    """Do the work in each of the loops at the same time; what Redis then has as held."""
    redis.client().flushdb()
    with ExitStack() as open_until, ThreadPoolExecutor(_LOOPS) as threads:
        loops = [open_until.enter_context(running_loop()) for _ in range(_LOOPS)]

        async def worked(loop: Loop, place: int) -> None:
            gate = Gate(loop.redis, _NAME, ceilings)
            queue = PermitQueue(gate, process=f"w{place}", closed=open_still)
            await queue.touch()
            await work(queue, Random(place))
            await queue.flush()

        list(threads.map(lambda each: each[1].run(worked(each[1], each[0])), enumerate(loops)))
    held = cast("bytes", redis.client().hget(gate_keys(_NAME)[0], "held"))
    redis.client().flushdb()
    return int(held)


async def permits_of(queue: PermitQueue, calls: int) -> list[Reservation]:
    """The permits of so many calls of one lane, each answered at once."""
    found: list[Reservation] = []
    while len(found) < calls:
        permit = await queue.acquire(request(), patience_s=1)
        if isinstance(permit, TryLater):
            await asyncio.sleep(permit.seconds)
            continue
        queue.settle(permit, Amounts(1, 50, 50))
        found.append(permit)
    return found


def test_together_they_never_start_more_than_allowed() -> None:
    """I6, by the times of the grants."""
    rate = 100.0
    at: list[float] = []

    async def work(queue: PermitQueue, _: Random) -> None:
        lanes = await asyncio.gather(*(permits_of(queue, 4) for _ in range(30)))
        at.extend(permit.at for permits in lanes for permit in permits)

    assert in_each_loop(Ceilings(requests=round(rate * 60)), work) == 0
    assert len(at) == 4 * 30 * _LOOPS
    for (first, begun), (last, ended) in combinations(enumerate(sorted(at)), 2):
        assert last - first + 1 <= rate * (1 + ended - begun) + 1e-6


@pytest.mark.parametrize("slots", [1, 7])
def test_together_they_hold_no_more_slots_than_there_are(slots: int) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def count(more: int) -> None:
        nonlocal now, most
        with lock:
            now += more
            most = max(most, now)

    async def lane(queue: PermitQueue, random: Random) -> None:
        permit = await queue.acquire(request(cache_key=str(random.random())), patience_s=30)
        assert isinstance(permit, Reservation)
        count(1)
        try:
            await asyncio.sleep(random.uniform(0, 0.01))
        finally:
            count(-1)
            queue.forget(permit)

    async def work(queue: PermitQueue, random: Random) -> None:
        lanes = [asyncio.create_task(lane(queue, random)) for _ in range(60)]
        while not all(each.done() for each in lanes):
            await asyncio.sleep(random.uniform(0, 0.005))
            random.choice(lanes).cancel()
        for found in await asyncio.gather(*lanes, return_exceptions=True):
            assert found is None or isinstance(found, asyncio.CancelledError), found
        assert not len(queue)

    assert in_each_loop(Ceilings(slots=slots), work) == 0
    assert 1 <= most <= slots
