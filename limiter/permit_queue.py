"""Where a process's coroutines wait for permits: one ask at a time speaks for all that wait.

Nobody asks while nobody waits. Whoever comes while an ask is due waits for that one. An ask is a
task of its own: whoever stops waiting stops no ask, and what is granted to nobody goes back. What
calls really took is told with the next ask, or at the worker's next heartbeat.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from math import ceil

from django.db import Error as DatabaseError
from prometheus_client import Histogram
from redis import RedisError

from limiter.gate import Gate
from limiter.pending import Pending, Waiter
from limiter.values import (
    Amounts,
    Closing,
    Grants,
    PermitRequest,
    Reservation,
    Settlement,
    Window,
)

log = logging.getLogger(__name__)

#: Who is sent away comes back after so long at most: a gate may have been opened by hand.
MOST_PARKED_S = 300.0
#: Those that come back meet so much before their turn; and no sooner than in so long.
_EARLY_S = 0.5
_WAIT_S = Histogram(
    "batchgen_limiter_wait_seconds",
    "What the limiter made a call wait, by what it waited for last; `none` for a permit at once.",
    ["reason"],
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 2, 5, 10, 20, 40, 80, 160, 320),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TryLater:
    """No permit in time: what the call waits for, and in about how many seconds to ask again."""

    reason: str
    seconds: float


class PermitQueue:
    """One process's place at one gate. All of it belongs to one event loop."""

    def __init__(
        self,
        gate: Gate,
        *,
        process: str,
        closed: Callable[[], Awaitable[tuple[float, str] | None]],
    ) -> None:
        """`closed` says for how long the gate is closed still, and why, where Redis forgot it."""
        self.name = gate.name
        self._gate = gate
        self._closed = closed
        self._pending = Pending(process=process)
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0
        self._asking: asyncio.Task[None] | None = None
        #: Set once the next ask was answered, or failed.
        self._answered = asyncio.Event()
        #: When Redis said that it does not know the gate, until it was reminded.
        self._forgotten_at: float | None = None
        #: Refusals in a row, as the gate last said.
        self.refusals = 0

    def __len__(self) -> int:
        """How many wait here."""
        return len(self._pending)

    def is_free(self) -> bool:
        """Whether an ask pays now: the last one left nobody waiting for a later moment."""
        return self._pending.ask_at <= time.monotonic()

    async def acquire(self, request: PermitRequest, *, patience_s: float) -> Reservation | TryLater:
        """Wait for the request's turn; at most about `patience_s`."""
        loop, begun = asyncio.get_running_loop(), time.monotonic()
        woken = loop.create_future()
        waiter = Waiter(request, wake=partial(_wake, woken), until=begun + patience_s)
        self._pending.join(waiter)
        self._ask_when_due()
        timer = loop.call_later(patience_s, waiter.wake)
        try:
            await woken
            return waiter.reservation or self._try_later(waiter)
        except asyncio.CancelledError:
            if waiter.reservation is not None:
                self.give_back(waiter.reservation)
            raise
        finally:
            timer.cancel()
            self._pending.leave(waiter, time.monotonic())
            self._ask_when_due()
            _WAIT_S.labels(waiter.reason or "none").observe(time.monotonic() - begun)

    def settle(self, reservation: Reservation, used: Amounts) -> None:
        """A reservation's call was answered: what it took."""
        self._settle(reservation, used, learn=True)

    def forget(self, reservation: Reservation) -> None:
        """A reservation's call was made and what it took is not known: the estimate stands."""
        self._settle(reservation, reservation.amounts)

    def give_back(self, reservation: Reservation, *, made: bool = False) -> None:
        """A reservation's call was not made; or it was, and took no tokens."""
        self._settle(reservation, Amounts(requests=int(made)))

    def _settle(self, reservation: Reservation, used: Amounts, *, learn: bool = False) -> None:
        self._pending.settle(Settlement(reservation=reservation, used=used, learn=learn))

    def observe(self, limits: dict[str, Window]) -> None:
        """What a response said of the provider's limits, by dimension."""
        self._pending.observe(limits, time.monotonic())

    async def refuse(self, reservation: Reservation, *, seconds: float, reason: str) -> None:
        """A 429: close the gate for all workers, now. `refusals` counts it."""
        self._pending.close(Closing(seconds=seconds, reason=reason, granted_at=reservation.at))
        self.give_back(reservation)
        await self.touch()

    async def overload(self, reservation: Reservation) -> None:
        """The provider has too much to do: fewer calls at the same time, for all workers."""
        self._pending.overload(reservation.at)
        self.give_back(reservation, made=True)
        await self.touch()

    async def flush(self) -> None:
        """Tell the gate what nobody has told it yet; a heartbeat for what is held."""
        if self._asking or self._pending.has_news():
            await self.touch()

    async def touch(self) -> None:
        """Tell the gate all there is to tell, now; and make it known to Redis, so that its buckets
        fill."""
        self._pending.press()
        self._ask_when_due()
        await self._answered.wait()

    def _ask_when_due(self) -> None:
        """Nothing where nobody wants an ask, or one is under way, after which comes the next."""
        if self._asking or not self._pending.wants_to_ask():
            return
        now = time.monotonic()
        # Timers count milliseconds. One that ends before its time is asked in vain.
        due_s = ceil(self._pending.due_s(now) * 1000) / 1000
        if self._timer is not None:
            if self._due_at <= now + due_s:
                return
            self._timer.cancel()
        self._due_at = now + due_s
        self._timer = asyncio.get_running_loop().call_later(due_s, self._begin)

    def _begin(self) -> None:
        self._timer = None
        if self._pending.wants_to_ask():
            self._asking = asyncio.get_running_loop().create_task(self._ask())

    async def _ask(self) -> None:
        answered, self._answered = self._answered, asyncio.Event()
        try:
            await self._remind()
            self._take(await self._gate.ask(self._pending.report(time.monotonic())))
            await self._remind()
        except Exception as error:  # those that wait must not wait for ever
            is_away = isinstance(error, RedisError | DatabaseError)
            log.warning(
                "the limiter cannot be asked, so no call starts: %s", error, exc_info=not is_away
            )
            self._pending.unanswered(time.monotonic())
        finally:
            self._asking = None
            answered.set()
            self._ask_when_due()

    def _take(self, grants: Grants) -> None:
        for waiter in self._pending.take(grants, time.monotonic()):
            waiter.wake()
        for waiter in self._pending.hopeless():
            waiter.wake()
        self.refusals = grants.refusals
        if grants.fresh:
            self._forgotten_at = grants.now

    async def _remind(self) -> None:
        """Have Redis hear of a closing that it forgot."""
        if self._forgotten_at is None:
            return
        if closure := await self._closed():
            seconds, reason = closure
            self._pending.close(
                Closing(
                    seconds=seconds, reason=reason, granted_at=0.0, recalled_at=self._forgotten_at
                )
            )
        self._forgotten_at = None

    def _try_later(self, waiter: Waiter) -> TryLater:
        now = time.monotonic()
        self._pending.leave(waiter, now)
        wait_s = max(self._pending.ask_at - now, waiter.turn_s - _EARLY_S, _EARLY_S)
        wait_s = min(wait_s, MOST_PARKED_S)
        return TryLater(reason=self._pending.reason or "permit", seconds=wait_s)


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
