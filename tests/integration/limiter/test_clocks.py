"""Workers whose clocks are wrong: what they write of a closed gate is right all the same."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.conf import settings

from batchgen.redis import client as redis
from limiter.keys import gate_keys
from limiter.permit_queue import TryLater
from providers.errors import RateLimited
from providers.registry import limit_pool
from runs.closures import closure_read, closure_write
from tests.clocks import host_clock
from tests.integration.engine.world import FIRST
from tests.loops import Loop
from workers.permits import Permit, Permits

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("step_s", [3600, -3600], ids=["ahead", "behind"]),
]

#: What the provider asks for. A permit waits at most this and the jitter on top.
ASKED_S = 60.0
MOST_S = ASKED_S * 1.1


@pytest.fixture(autouse=True)
def _empty_redis() -> Iterator[None]:
    redis.client().flushdb()
    yield
    redis.client().flushdb()


def permits_make(loop: Loop) -> Permits:
    permits = Permits(loop.redis, process=uuid4())
    loop.run(permits.open(settings.MODEL))
    return permits


def refused(loop: Loop) -> None:
    """The provider answers 429 to a call of a process."""
    permit = loop.run(permits_make(loop).first(FIRST, patience_s=5))
    assert isinstance(permit, Permit)
    loop.run(permit.failed(RateLimited(retry_after_s=ASKED_S)))


def closed_s() -> float:
    closure = closure_read(limit_pool(FIRST.model))
    assert closure
    return closure[0]


def test_a_closing_is_as_long_as_asked(loop: Loop, step_s: float) -> None:
    with host_clock(step_s):
        refused(loop)
    assert ASKED_S / 2 < closed_s() < MOST_S


def test_after_a_lost_redis_the_gate_is_closed_for_what_is_left(loop: Loop, step_s: float) -> None:
    with host_clock(step_s):
        refused(loop)
    redis.client().flushdb()
    found = loop.run(permits_make(loop).first(FIRST, patience_s=0.5))
    assert isinstance(found, TryLater)
    gate = redis.client().hgetall(gate_keys(limit_pool(FIRST.model))[0])
    seconds, micros = redis.client().time()
    left_s = float(gate[b"closed_until"]) - seconds - micros / 1e6
    assert gate[b"closed_reason"] == b"RATE_LIMITED"
    assert ASKED_S / 2 < left_s < MOST_S


def test_a_worker_with_a_wrong_clock_reads_a_closing_rightly(step_s: float) -> None:
    closure_write("key:model", seconds=ASKED_S, reason="RATE_LIMITED")
    with host_clock(step_s):
        closure = closure_read("key:model")
    assert closure
    assert ASKED_S / 2 < closure[0] < MOST_S


def test_a_later_refusal_by_a_right_clock_makes_it_longer(step_s: float) -> None:
    with host_clock(step_s):
        closure_write("key:model", seconds=ASKED_S, reason="RATE_LIMITED")
    closure_write("key:model", seconds=3 * ASKED_S, reason="RAMP_LIMITED")
    closure = closure_read("key:model")
    assert closure
    assert closure[0] > 2 * ASKED_S
    assert closure[1] == "RAMP_LIMITED"
