"""Permits for provider calls: an item's size before it is claimed, and what a call's end means.

The limiter deals in amounts; this module says what they are for our calls, and which errors
close the gate or slow everybody down.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from random import SystemRandom
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError
from redis.asyncio import Redis

from batchgen.db.in_thread import in_thread
from limiter.gate import Gate
from limiter.permit_queue import PermitQueue, TryLater
from limiter.values import (
    DIMENSIONS,
    GATE_CLOSED,
    NOBODY,
    Amounts,
    Ceilings,
    PermitRequest,
    Reservation,
    Window,
)
from providers.errors import ProviderError
from providers.registry import limit_pool
from providers.values import CompletionRequest, RateLimits, Usage
from runs.closures import closure_read, closure_write
from runs.states import PRIORITY_RANK
from workers.decisions import Between, CloseGate, PermitUse, settle

log = logging.getLogger(__name__)

_RANDOM = SystemRandom()
#: Roughly; the limiter corrects it by what the provider counts.
_CHARACTERS_PER_TOKEN = 3.6


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstCall:
    """What a message says of its item's first call."""

    run: str
    user: str
    #: As in `runs.models.Share`.
    weight: int
    priority: str
    #: Who is called: `Run.provider`.
    provider: str
    model: str
    #: Of what content the item is.
    kind: str
    #: As in `limiter.values.PermitRequest`; calls of another purpose have other sizes.
    size_key: str
    cache_key: str
    input_tokens: int
    output_cap: int
    #: Its answer is there already: no call is made, and none is waited for.
    answered: bool = False

    @classmethod
    def of(cls, said: dict[str, Any]) -> "FirstCall":
        """From a message."""
        return cls(
            run=said["run"],
            user=NOBODY if said["user"] is None else str(said["user"]),
            weight=int(said["weight"]),
            priority=said["priority"],
            provider=said["provider"],
            model=said["model"],
            kind=said["kind"],
            size_key=said["sizeKey"],
            cache_key=said["cacheKey"],
            input_tokens=int(said["inputTokens"]),
            output_cap=int(said["outputCap"]),
            answered=bool(said.get("answered")),
        )

    def permit_request(self) -> PermitRequest:
        """As the limiter knows it."""
        return self._permit_request("generate", self.input_tokens, self.output_cap)

    def next_permit_request(self, request: CompletionRequest) -> PermitRequest:
        """A further call of the same item, as the limiter knows it."""
        characters = len(request.user) + sum(len(block.text) for block in request.system)
        input_tokens = round(characters / _CHARACTERS_PER_TOKEN)
        return self._permit_request(request.purpose, input_tokens, request.max_tokens)

    def _permit_request(self, purpose: str, input_tokens: int, output_cap: int) -> PermitRequest:
        return PermitRequest(
            run=self.run,
            user=self.user,
            weight=self.weight,
            rank=PRIORITY_RANK[self.priority],
            size_key=f"{self.size_key}:{purpose}",
            cache_key=self.cache_key,
            input_tokens=input_tokens,
            output_cap=output_cap,
        )


class Permits:
    """One process's permit queues, one for each gate that its calls go through, in its loop."""

    def __init__(self, redis: Redis, *, process: UUID) -> None:
        """`redis`: the loop's client."""
        self._redis = redis
        self._process = str(process)
        self._queues: dict[str, PermitQueue] = {}

    async def open(self, model: str) -> None:
        """Let the configured provider's buckets fill from now on, where nobody called for long.

        Where Redis is away they fill from the first call on.
        """
        await self._queue(limit_pool(model)).touch()

    async def first(self, call: FirstCall, *, patience_s: float) -> "Permit | TryLater":
        """Wait for the permit of an item's first call, at most about so long."""
        return await self._acquire(call, call.permit_request(), patience_s)

    def are_free(self, call: FirstCall) -> bool:
        """Whether nobody had to wait for a permit of that kind when they were last asked for."""
        return self._queue(limit_pool(call.model, call.provider)).is_free()

    async def next(
        self, request: CompletionRequest, first: FirstCall, *, given_up: Callable[[], bool]
    ) -> "Permit | None":
        """Wait, as long as it takes, for the permit of a further call; None once given up."""
        wanted = first.next_permit_request(request)
        while not given_up():
            found = await self._acquire(first, wanted, settings.HEARTBEAT_S)
            if isinstance(found, Permit):
                return found
            if found.reason == GATE_CLOSED:
                # Nobody is kept waiting there.
                await asyncio.sleep(min(found.seconds, settings.HEARTBEAT_S))
        return None

    async def flush(self) -> None:
        """Tell the gates what they do not know yet; part of the worker's heartbeat."""
        await asyncio.gather(*(queue.flush() for queue in self._queues.values()))

    async def _acquire(
        self, first: FirstCall, request: PermitRequest, patience_s: float
    ) -> "Permit | TryLater":
        queue = self._queue(limit_pool(first.model, first.provider))
        found = await queue.acquire(request, patience_s=patience_s)
        return found if isinstance(found, TryLater) else Permit(queue, found)

    def _queue(self, name: str) -> PermitQueue:
        queue = self._queues.get(name)
        if queue is None:
            gate = Gate(self._redis, name, _ceilings())
            closed = partial(in_thread, closure_read, name)
            queue = self._queues[name] = PermitQueue(gate, process=self._process, closed=closed)
        return queue


class Permit:
    """One call may be made; to be told how it ended, once."""

    def __init__(self, queue: PermitQueue, reservation: Reservation) -> None:
        self._queue = queue
        self._reservation = reservation

    def answered(self, usage: Usage | None, limits: RateLimits | None) -> None:
        """The call was answered. Tokens read from the provider's cache are not limited."""
        if usage is None:
            self._queue.forget(self._reservation)
        else:
            taken = Amounts(1, usage.input_tokens + usage.cache_write_tokens, usage.output_tokens)
            self._queue.settle(self._reservation, taken)
        if limits is not None:
            self._queue.observe(_windows(limits))

    async def failed(self, error: ProviderError) -> float | None:
        """The call failed. The seconds for which that closes the gate, or None."""
        if error.limits is not None:
            self._queue.observe(_windows(error.limits))
        match settle(error, closings=self._queue.refusals):
            case CloseGate(wait=wait):
                return await self._close(wait, reason=error.code)
            case PermitUse.NONE:
                self.unused()
            case PermitUse.OVERLOAD:
                await self._queue.overload(self._reservation)
            case PermitUse.UNKNOWN:
                self._queue.forget(self._reservation)
            case PermitUse.REQUEST:
                self._queue.give_back(self._reservation, made=True)
        return None

    def unused(self) -> None:
        """The call was not made."""
        self._queue.give_back(self._reservation)

    def of(self, first: FirstCall) -> "Permit":
        """The same for another item's first call, which takes no more."""
        return Permit(self._queue, replace(self._reservation, request=first.permit_request()))

    def aborted(self) -> None:
        """The call was given up on its way: what it took stays unknown."""
        self._queue.forget(self._reservation)

    @property
    def refusals(self) -> int:
        """How often in a row calls were refused, over all workers."""
        return self._queue.refusals

    async def _close(self, wait: Between, *, reason: str) -> float:
        seconds = min(wait.draw(_RANDOM), settings.LONGEST_WAIT_S)
        await self._queue.refuse(self._reservation, seconds=seconds, reason=reason)
        try:
            await in_thread(closure_write, self._queue.name, seconds=seconds, reason=reason)
        except DatabaseError as away:
            log.warning("the gate's closing is in Redis only: %s", away)
        return seconds


def _windows(limits: RateLimits) -> dict[str, Window]:
    """What the provider said of its limits, as the limiter knows them."""
    told = zip(
        DIMENSIONS, (limits.requests, limits.input_tokens, limits.output_tokens), strict=True
    )
    return {
        name: Window(window.limit, window.remaining, window.rounded_to)
        for name, window in told
        if window and window.limit is not None and window.remaining is not None
    }


def _ceilings() -> Ceilings:
    return Ceilings(
        requests=settings.LIMIT_REQUESTS_PER_MINUTE,
        input_tokens=settings.LIMIT_INPUT_TOKENS_PER_MINUTE,
        output_tokens=settings.LIMIT_OUTPUT_TOKENS_PER_MINUTE,
        slots=settings.LIMIT_CONCURRENCY,
        burst_s=settings.LIMIT_BURST_S,
    )
