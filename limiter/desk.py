"""Where a process's threads wait for permits: one of those that wait asks the gate for all.

Nobody asks while nobody waits, and no thread is kept for it. What calls really took is told with
the next ask, or at the worker's next heartbeat.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from redis import RedisError

from limiter.gate import Amounts, Gate, Permit, Refused, Settled, Want
from limiter.lineup import Lineup, Ticket
from providers.values import RateLimits
from workers.worker_metrics import LIMITER_WAIT_S

log = logging.getLogger(__name__)

#: The reason for which nobody waits in line.
GATE_CLOSED = "gate-closed"
#: Who is sent away comes back after so long at most: a gate may have been opened by hand.
MOST_PARKED_S = 300.0
#: Those that come back meet so much before their turn; and no sooner than in so long.
_EARLY_S = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """No permit in time: what the call waits for, and about how long."""

    reason: str
    seconds: float


@dataclass(eq=False, slots=True)
class _Waiter:
    """A thread that waits; woken when its ticket has a permit, or when it is to ask for all."""

    ticket: Ticket
    woken: threading.Event


class Desk:
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
        self._lineup = Lineup(process=process)
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._waiters: dict[Ticket, _Waiter] = {}
        self._asker: _Waiter | None = None
        #: Refusals in a row, as the gate last said.
        self.closings = 0

    def __len__(self) -> int:
        """How many wait here."""
        return len(self._waiters)

    def acquire(self, want: Want, *, patience_s: float) -> Permit | Wait:
        """Wait for a permit, in line; at most about `patience_s`."""
        begun = time.monotonic()
        waiter = _Waiter(Ticket(want), threading.Event())
        found = self._acquire(waiter, begun + patience_s)
        waited_for = waiter.ticket.reason or "none"
        LIMITER_WAIT_S.labels(waited_for).observe(time.monotonic() - begun)
        return found

    def _acquire(self, waiter: _Waiter, deadline: float) -> Permit | Wait:
        with self._lock:
            self._lineup.join(waiter.ticket)
            self._waiters[waiter.ticket] = waiter
            if self._asker is None:
                self._asker = waiter
            elif not self._lineup.due_s(time.monotonic()):
                self._asker.woken.set()
        try:
            while waiter.ticket.permit is None:
                left_s = deadline - time.monotonic()
                if left_s <= 0 or not self._wait(waiter, left_s):
                    return self._leave(waiter)
            return waiter.ticket.permit
        finally:
            self._hand_over(waiter)

    def settle(self, permit: Permit, used: Amounts) -> None:
        """A permit's call was answered: what it took."""
        with self._lock:
            self._lineup.settle(Settled(permit=permit, used=used, learn=True))

    def hear(self, limits: RateLimits) -> None:
        """What the headers of a response said."""
        with self._lock:
            self._lineup.hear(limits, time.monotonic())

    def forget(self, permit: Permit) -> None:
        """A permit's call was made and what it took is not known: the estimate stands."""
        with self._lock:
            self._lineup.settle(Settled(permit=permit, used=permit.reserved, learn=False))

    def give_back(self, permit: Permit, *, made: bool = False) -> None:
        """A permit's call was not made; or it was, and took no tokens."""
        used = Amounts(requests=int(made))
        with self._lock:
            self._lineup.settle(Settled(permit=permit, used=used, learn=False))

    def refuse(self, permit: Permit, *, seconds: float, reason: str) -> None:
        """A 429: close the gate for all workers, now. `closings` counts it."""
        with self._lock:
            self._lineup.refuse(Refused(seconds=seconds, reason=reason, at=permit.at))
        self.give_back(permit)
        self.flush()

    def overload(self, permit: Permit) -> None:
        """The provider has too much to do: fewer calls at the same time, for all workers."""
        with self._lock:
            self._lineup.overload(permit.at)
        self.give_back(permit, made=True)
        self.flush()

    def flush(self) -> None:
        """Tell the gate what nobody has told it yet; a heartbeat for what is held."""
        with self._lock:
            news = self._lineup.has_news()
        if news:
            self._ask()

    def touch(self) -> None:
        """Make the gate known to Redis, so that its buckets fill."""
        self._ask()

    def _wait(self, waiter: _Waiter, left_s: float) -> bool:
        """Wait for something to happen, and ask for all if that is the waiter's part.

        False where waiting on is of no use.
        """
        if self._asker is waiter:
            with self._lock:
                due_s = self._lineup.due_s(time.monotonic())
            if due_s <= 0:
                self._ask()
                return True
            if due_s > left_s and self._lineup.reason == GATE_CLOSED:
                return False
            left_s = min(left_s, due_s)
        waiter.woken.wait(left_s)
        waiter.woken.clear()
        return True

    def _ask(self) -> None:
        with self._asking:
            with self._lock:
                report = self._lineup.report(time.monotonic())
            try:
                verdict = self._gate.ask(report)
            except RedisError as error:
                log.warning("the limiter cannot be asked, so no call starts: %s", error)
                with self._lock:
                    self._lineup.unanswered(time.monotonic())
                return
            with self._lock:
                for ticket in self._lineup.answer(verdict, time.monotonic()):
                    self._waiters[ticket].woken.set()
                self.closings = verdict.closings
        if verdict.fresh and (closure := self._closed()):
            seconds, reason = closure
            with self._lock:
                self._lineup.refuse(
                    Refused(seconds=seconds, reason=reason, at=0.0, recalled_at=verdict.now)
                )

    def _leave(self, waiter: _Waiter) -> Permit | Wait:
        with self._lock:
            permit = waiter.ticket.permit
            self._lineup.leave(waiter.ticket)
        if permit is not None:
            return permit
        lineup = self._lineup
        queue_s = waiter.ticket.queue_s
        wait_s = max(lineup.due_s(time.monotonic()), queue_s - _EARLY_S, _EARLY_S)
        wait_s = min(wait_s, MOST_PARKED_S)
        wait = Wait(reason=lineup.reason or "permit", seconds=wait_s)
        if not len(lineup):
            # The last one to leave tells the gate that nobody waits here.
            self._ask()
        return wait

    def _hand_over(self, waiter: _Waiter) -> None:
        """The waiter is done; where it asked for all, another one goes on."""
        with self._lock:
            self._lineup.leave(waiter.ticket)
            del self._waiters[waiter.ticket]
            if self._asker is waiter:
                self._asker = next(
                    (other for other in self._waiters.values() if other.ticket.permit is None),
                    None,
                )
                if self._asker is not None:
                    self._asker.woken.set()
