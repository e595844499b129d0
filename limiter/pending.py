"""What one process says to its gate, and what it makes of the answer. Pure: no I/O, no clock.

All times here are the process's own monotonic seconds, except a reservation's `at`.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from limiter.values import (
    Amounts,
    Closing,
    Grants,
    PermitRequest,
    Report,
    Reservation,
    Settlement,
    Window,
)

#: After an answer that could not be had.
ASK_AGAIN_S = 0.25
#: A process that is not heard of for so long no longer waits or holds anything.
LEASE_S = 5.0


def _nothing() -> None:
    """For whoever looks by itself whether it has its reservation."""


@dataclass(eq=False, slots=True)
class Waiter:
    """A request that waits; it is granted once its reservation is set."""

    request: PermitRequest
    #: Called when it is granted, and when it is its part to ask for all.
    wake: Callable[[], None] = _nothing
    reservation: Reservation | None = None
    #: What it waits for, as the gate said last, and how long its run's requests will take.
    reason: str = ""
    queue_s: float = 0.0


@dataclass(slots=True)
class Pending:
    """The requests of one process that wait at one gate, and what it is to be told next."""

    process: str
    #: The moment from which on it pays to ask.
    ask_at: float = 0.0
    #: The last answer's.
    reason: str = ""
    held: int = 0
    waiters: list[Waiter] = field(default_factory=list)
    #: Somebody came who should not wait for `ask_at`.
    _pressing: bool = False
    _settlements: list[Settlement] = field(default_factory=list)
    _limits: dict[str, Window] | None = None
    _limits_at: float = 0.0
    _closing: Closing | None = None
    _overloaded_at: float = 0.0

    def join(self, waiter: Waiter) -> None:
        """Wait. Who waits for nobody, or is of higher priority than all here, asks at once."""
        if all(waiter.request.rank < other.request.rank for other in self.waiters):
            self._pressing = True
        self.waiters.append(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Wait no longer; nothing where it does not wait."""
        if waiter in self.waiters:
            self.waiters.remove(waiter)

    def __len__(self) -> int:
        """How many wait."""
        return len(self.waiters)

    def due_s(self, now: float) -> float:
        """Seconds until it pays to ask."""
        return 0.0 if self._pressing else max(0.0, self.ask_at - now)

    def settle(self, settlement: Settlement) -> None:
        """A reservation's call is over, or was not made."""
        self.held -= 1
        self._settlements.append(settlement)

    def observe(self, limits: dict[str, Window], now: float) -> None:
        """What the provider says of its limits; the latest counts."""
        self._limits, self._limits_at = limits, now

    def close(self, closing: Closing) -> None:
        """A call was refused."""
        self._closing = closing

    def overload(self, granted_at: float) -> None:
        """The provider is overloaded."""
        self._overloaded_at = max(granted_at, self._overloaded_at)

    def has_news(self) -> bool:
        """Whether there is something to tell even if nobody waits."""
        return bool(self._settlements or self._closing or self._overloaded_at or self.held > 0)

    def report(self, now: float) -> Report:
        """What to say now. It is said once: an ask that fails may have been heard."""
        waiting: dict[str, list[PermitRequest]] = defaultdict(list)
        for waiter in self.waiters:
            waiting[waiter.request.run].append(waiter.request)
        report = Report(
            process=self.process,
            waiting=dict(waiting),
            held=self.held,
            lease_s=LEASE_S,
            settlements=tuple(self._settlements),
            limits=self._limits,
            limits_age_s=now - self._limits_at,
            closing=self._closing,
            overloaded_at=self._overloaded_at,
        )
        self._settlements, self._limits, self._closing, self._overloaded_at = [], None, None, 0.0
        self._pressing = False
        return report

    def take(self, grants: Grants, now: float) -> list[Waiter]:
        """Take the gate's answer in; the waiters that have their reservation now.

        One whose waiter left meanwhile is given back with the next report.
        """
        served = []
        for run, amounts in grants.granted:
            waiter = next((each for each in self.waiters if each.request.run == run), None)
            self.held += 1
            if waiter is None:
                self._give_back(run, amounts, grants.now)
                continue
            waiter.reservation = Reservation(request=waiter.request, amounts=amounts, at=grants.now)
            self.waiters.remove(waiter)
            served.append(waiter)
        for waiter in self.waiters:
            waiter.reason = grants.reason
            waiter.queue_s = grants.queues_s.get(waiter.request.run, 0.0)
        self.ask_at = now + grants.wait_s
        self.reason = grants.reason
        return served

    def _give_back(self, run: str, amounts: Amounts, at: float) -> None:
        request = PermitRequest(
            run=run, rank=0, size_key="", cache_key="", input_tokens=0, output_cap=0
        )
        reservation = Reservation(request=request, amounts=amounts, at=at)
        self.settle(Settlement(reservation=reservation, used=Amounts(), learn=False))

    def unanswered(self, now: float) -> None:
        """The gate could not be asked."""
        self.ask_at = now + ASK_AGAIN_S
        self.reason = "limiter-away"
        for waiter in self.waiters:
            waiter.queue_s = 0.0
