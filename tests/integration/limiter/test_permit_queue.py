"""A process's threads at the gate, with the real Redis and the real clock."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
import redis as redis_client

from batchgen.redis import client as redis
from limiter.gate import Gate
from limiter.permit_queue import PermitQueue, TryLater
from limiter.values import Amounts, Ceilings, Grants, Report, Reservation
from providers.values import Usage
from tests.integration.limiter.world import request
from workers.permits import Permit

#: 50 a second.
CEILINGS = Ceilings(requests=3000)


class CountedGate(Gate):
    """A gate that counts how often it is asked."""

    asked = 0

    def ask(self, report: Report, *, now: float | None = None) -> Grants:
        self.asked += 1
        return super().ask(report, now=now)


@pytest.fixture
def gate() -> Iterator[CountedGate]:
    redis.client().flushdb()
    yield CountedGate(redis.client(), "test:queue", CEILINGS)
    redis.client().flushdb()


def test_50_lanes_of_two_processes_ask_hardly_more_often_than_they_call(gate: CountedGate) -> None:
    other = CountedGate(redis.client(), gate.name, CEILINGS)
    queues = (PermitQueue(gate, process="w1"), PermitQueue(other, process="w2"))
    queues[0].touch()

    def lane(number: int) -> int:
        queue, calls = queues[number % 2], 0
        while calls < 4:
            permit = queue.acquire(request(), patience_s=1)
            if isinstance(permit, TryLater):
                time.sleep(permit.seconds)
                continue
            queue.settle(permit, Amounts(1, 50, 50))
            calls += 1
        return calls

    with ThreadPoolExecutor(50) as pool:
        calls = sum(pool.map(lane, range(50)))
    assert calls == 200
    assert (gate.asked + other.asked) / calls <= 1.5


def test_nobody_waits_in_line_at_a_closed_gate(gate: CountedGate) -> None:
    queue = PermitQueue(gate, process="w1")
    queue.touch()
    permit = queue.acquire(request(), patience_s=2)
    assert isinstance(permit, Reservation)
    queue.refuse(permit, seconds=30, reason="RATE_LIMITED")
    assert queue.refusals == 1
    begun = time.monotonic()
    wait = queue.acquire(request(), patience_s=5)
    assert isinstance(wait, TryLater)
    assert wait.reason == "gate-closed"
    assert 25 < wait.seconds <= 30
    assert time.monotonic() - begun < 4


def test_what_redis_forgot_of_a_closed_gate_is_known_elsewhere(gate: CountedGate) -> None:
    queue = PermitQueue(gate, process="w1", closed=lambda: (30.0, "RATE_LIMITED"))
    wait = queue.acquire(request(), patience_s=1)
    assert isinstance(wait, TryLater)
    assert wait.reason == "gate-closed"


def test_while_redis_is_away_nothing_is_permitted() -> None:
    away = redis_client.Redis(port=1, socket_connect_timeout=0.1)
    queue = PermitQueue(Gate(away, "test:away", CEILINGS), process="w1")
    wait = queue.acquire(request(), patience_s=0.3)
    assert isinstance(wait, TryLater)
    assert wait.reason == "limiter-away"


def test_when_the_one_that_asks_leaves_another_one_goes_on(gate: CountedGate) -> None:
    """Its patience ends while the bucket is empty; the others must not wait for it for ever."""
    queue = PermitQueue(gate, process="w1")
    queue.touch()
    first = queue.acquire(request(), patience_s=2)
    assert isinstance(first, Reservation)
    queue.settle(first, Amounts(1, 50, 50))
    with ThreadPoolExecutor(20) as pool:
        asked = [
            pool.submit(queue.acquire, request(), patience_s=0.02 if place == 0 else 5)
            for place in range(20)
        ]
        results = [each.result(10) for each in asked]
    assert sum(isinstance(each, Reservation) for each in results) >= 19


def test_a_call_of_higher_rank_is_not_asked_for_late(gate: CountedGate) -> None:
    slow = CountedGate(redis.client(), "test:slow", Ceilings(requests=60))
    queue = PermitQueue(slow, process="w1")
    queue.touch()
    low = threading.Thread(
        target=queue.acquire, args=(request("low", rank=2),), kwargs={"patience_s": 3}
    )
    low.start()
    while not len(queue):
        time.sleep(0.01)
    before = slow.asked
    with ThreadPoolExecutor(1) as pool:
        high = pool.submit(queue.acquire, request("high", rank=0), patience_s=3)
        time.sleep(0.2)
        assert slow.asked > before
        assert isinstance(high.result(5), Reservation)
    low.join()


def test_a_call_whose_usage_nobody_said_teaches_nothing_about_others(gate: CountedGate) -> None:
    queue = PermitQueue(gate, process="w1")
    queue.touch()

    def next_reserved(usage: Usage | None) -> Amounts:
        permits = [queue.acquire(request(), patience_s=5) for _ in range(2)]
        assert all(isinstance(permit, Reservation) for permit in permits)
        for permit in permits:
            Permit(queue, cast("Reservation", permit)).answered(usage, None)
        queue.flush()
        after = queue.acquire(request(), patience_s=5)
        assert isinstance(after, Reservation)
        return after.amounts

    first = next_reserved(None)
    assert first.output_tokens >= request().output_cap
    assert next_reserved(Usage(input_tokens=1, output_tokens=1)).output_tokens < first.output_tokens
