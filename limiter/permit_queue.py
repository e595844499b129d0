"""Where a process's threads wait for permits: one of those that wait asks the gate for all.

Nobody asks while nobody waits, and no thread is kept for it. What calls really took is told with
the next ask, or at the worker's next heartbeat.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Histogram
from redis import RedisError

from limiter.gate import Gate
from limiter.pending import Pending, Waiter
from limiter.values import (
    GATE_CLOSED,
    Amounts,
    Closing,
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
    """One process's place at one gate. Any thread may use it."""

    def __init__(
        self,
        gate: Gate,
        *,
        process: str,
        closed: Callable[[], tuple[float, str] | None] = lambda: None,
    ) -> None:
        """`closed` says for how long the gate is closed still, and why, where Redis forgot it."""
        self.name = gate.name
        self._gate = gate
        self._closed = closed
        self._pending = Pending(process=process)
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._asker: Waiter | None = None
        #: Refusals in a row, as the gate last said.
        self.refusals = 0

    def __len__(self) -> int:
        """How many wait here."""
        return len(self._pending)

    def acquire(self, request: PermitRequest, *, patience_s: float) -> Reservation | TryLater:
        """Wait for the request's turn; at most about `patience_s`."""
        begun = time.monotonic()
        woken = threading.Event()
        waiter = Waiter(request, wake=woken.set)
        found = self._acquire(waiter, woken, begun + patience_s)
        _WAIT_S.labels(waiter.reason or "none").observe(time.monotonic() - begun)
        return found

    def _acquire(
        self, waiter: Waiter, woken: threading.Event, deadline: float
    ) -> Reservation | TryLater:
        with self._lock:
            self._pending.join(waiter)
            if self._asker is None:
                self._asker = waiter
            elif not self._pending.due_s(time.monotonic()):
                self._asker.wake()
        try:
            while waiter.reservation is None:
                left_s = deadline - time.monotonic()
                if left_s <= 0 or not self._wait(waiter, woken, left_s):
                    return self._leave(waiter)
            return waiter.reservation
        finally:
            self._hand_over(waiter)

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
        with self._lock:
            self._pending.settle(Settlement(reservation=reservation, used=used, learn=learn))

    def observe(self, limits: dict[str, Window]) -> None:
        """What a response said of the provider's limits, by dimension."""
        with self._lock:
            self._pending.observe(limits, time.monotonic())

    def refuse(self, reservation: Reservation, *, seconds: float, reason: str) -> None:
        """A 429: close the gate for all workers, now. `refusals` counts it."""
        with self._lock:
            self._pending.close(Closing(seconds=seconds, reason=reason, granted_at=reservation.at))
        self.give_back(reservation)
        self.flush()

    def overload(self, reservation: Reservation) -> None:
        """The provider has too much to do: fewer calls at the same time, for all workers."""
        with self._lock:
            self._pending.overload(reservation.at)
        self.give_back(reservation, made=True)
        self.flush()

    def flush(self) -> None:
        """Tell the gate what nobody has told it yet; a heartbeat for what is held."""
        with self._lock:
            news = self._pending.has_news()
        if news:
            self._ask()

    def touch(self) -> None:
        """Make the gate known to Redis, so that its buckets fill."""
        self._ask()

    def _wait(self, waiter: Waiter, woken: threading.Event, left_s: float) -> bool:
        """Wait for something to happen, and ask for all if that is the waiter's part.

        False where waiting on is of no use.
        """
        if self._asker is waiter:
            with self._lock:
                due_s = self._pending.due_s(time.monotonic())
            if due_s <= 0:
                self._ask()
                return True
            if due_s > left_s and self._pending.reason == GATE_CLOSED:
                return False
            left_s = min(left_s, due_s)
        woken.wait(left_s)
        woken.clear()
        return True

    def _ask(self) -> None:
        with self._asking:
            with self._lock:
                report = self._pending.report(time.monotonic())
            try:
                grants = self._gate.ask(report)
            except RedisError as error:
                log.warning("the limiter cannot be asked, so no call starts: %s", error)
                with self._lock:
                    self._pending.unanswered(time.monotonic())
                return
            with self._lock:
                for waiter in self._pending.take(grants, time.monotonic()):
                    waiter.wake()
                self.refusals = grants.refusals
        if grants.fresh and (closure := self._closed()):
            seconds, reason = closure
            with self._lock:
                self._pending.close(
                    Closing(seconds=seconds, reason=reason, granted_at=0.0, recalled_at=grants.now)
                )

    def _leave(self, waiter: Waiter) -> Reservation | TryLater:
        with self._lock:
            self._pending.leave(waiter)
        if waiter.reservation is not None:
            return waiter.reservation
        pending = self._pending
        wait_s = max(pending.due_s(time.monotonic()), waiter.queue_s - _EARLY_S, _EARLY_S)
        wait_s = min(wait_s, MOST_PARKED_S)
        later = TryLater(reason=pending.reason or "permit", seconds=wait_s)
        if not len(pending):
            # The last one to leave tells the gate that nobody waits here.
            self._ask()
        return later

    def _hand_over(self, waiter: Waiter) -> None:
        """The waiter is done; where it asked for all, another one goes on."""
        with self._lock:
            self._pending.leave(waiter)
            if self._asker is waiter:
                self._asker = next(iter(self._pending.waiters), None)
                if self._asker is not None:
                    self._asker.wake()
