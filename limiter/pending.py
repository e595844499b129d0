"""What one process says to its gate, and what it makes of the answer. Pure: no I/O, no clock.

All times here are the process's own monotonic seconds, except a reservation's `at`. Thousands may
wait: who comes, goes or is granted costs the same however many they are, and an ask grows with
their runs, not with them.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from math import inf

from limiter.values import (
    GATE_CLOSED,
    Amounts,
    Closing,
    Grants,
    PermitRequest,
    Report,
    Reservation,
    Settlement,
    Waiting,
    Window,
)

#: After an answer that could not be had.
ASK_AGAIN_S = 0.25
#: A bucket that ran dry fills for so long before the next ask: it takes several permits at once.
_FILLS_S = 0.02
#: A process that is not heard of for so long no longer waits or holds anything.
LEASE_S = 5.0
#: So many requests of a run are told of with their sizes; no more of them are granted at once ...
_SIZED = 16
#: ... and no more than so many of all runs, but one of each.
_SIZED_OF_ALL = 256


def _nothing() -> None:
    """For whoever looks by itself whether it has its reservation."""


@dataclass(eq=False, slots=True)
class Waiter:
    """A request that waits; it is granted once its reservation is set."""

    request: PermitRequest
    #: Called when it is granted, and when it is of no use to wait on.
    wake: Callable[[], None] = _nothing
    #: It has no patience beyond.
    until: float = inf
    reservation: Reservation | None = None
    #: What it waited for, as the gate said last, and in how long its turn is.
    reason: str = ""
    turn_s: float = 0.0
    #: How many answers there had been when it came.
    since: int = 0


@dataclass(slots=True)
class Pending:
    """The requests of one process that wait at one gate, and what it is to be told next."""

    process: str
    #: The moment from which on it pays to ask.
    ask_at: float = 0.0
    #: The last answer's.
    reason: str = ""
    held: int = 0
    #: Those that wait, by run; each run's in the order in which they came.
    _lines: dict[str, dict[Waiter, None]] = field(default_factory=dict)
    #: How many wait, by rank.
    _ranks: Counter[int] = field(default_factory=Counter)
    #: The gate is to be told before `ask_at` ...
    _pressing: bool = False
    #: ... but not before this: it could not be asked.
    _again_at: float = 0.0
    _answers: int = 0
    #: How long it takes from one turn of a run's requests here to the next ...
    _steps_s: dict[str, float] = field(default_factory=dict)
    #: ... and when the last of those that left without a permit has its turn.
    _left_until: dict[str, float] = field(default_factory=dict)
    _settlements: list[Settlement] = field(default_factory=list)
    _limits: dict[str, Window] | None = None
    _limits_at: float = 0.0
    _closing: Closing | None = None
    _overloaded_at: float = 0.0

    def join(self, waiter: Waiter) -> None:
        """Wait. Who waits for nobody, or is of higher priority than all here, asks at once."""
        request = waiter.request
        if all(request.rank < rank for rank in self._ranks):
            self._pressing = True
        waiter.since = self._answers
        self._lines.setdefault(request.run, {})[waiter] = None
        self._ranks[request.rank] += 1

    def leave(self, waiter: Waiter, now: float) -> None:
        """Wait no longer; nothing where it does not wait. When the last one leaves the gate is to
        hear that nobody waits here.

        Those that leave have their turns one after the other: if all of them came back when the
        last one has its turn, nobody would take those before.
        """
        run = waiter.request.run
        if waiter not in self._lines.get(run, ()):
            return
        self._let_go(waiter)
        self._pressing = self._pressing or not self._lines
        if step_s := self._steps_s.get(run):
            self._left_until[run] = max(now, self._left_until.get(run, now)) + step_s
            waiter.turn_s = self._left_until[run] - now

    def _let_go(self, waiter: Waiter) -> None:
        """It no longer waits, and is told what it waited for."""
        if waiter.since < self._answers:
            waiter.reason = self.reason
        run, rank = waiter.request.run, waiter.request.rank
        del self._lines[run][waiter]
        if not self._lines[run]:
            del self._lines[run]
        self._ranks[rank] -= 1
        if not self._ranks[rank]:
            del self._ranks[rank]

    def __len__(self) -> int:
        """How many wait."""
        return self._ranks.total()

    def __iter__(self) -> Iterator[Waiter]:
        """Those that wait."""
        return (waiter for line in self._lines.values() for waiter in line)

    def wants_to_ask(self) -> bool:
        """Whether somebody waits, or the gate is to be told something soon."""
        return self._pressing or bool(self._lines)

    def due_s(self, now: float) -> float:
        """Seconds until it pays to ask."""
        return max(0.0, (self._again_at if self._pressing else self.ask_at) - now)

    def press(self) -> None:
        """Have the gate asked as soon as may be, also where nobody waits."""
        self._pressing = True

    def hopeless(self) -> list[Waiter]:
        """Those whose patience ends before a closed gate opens."""
        if self.reason != GATE_CLOSED:
            return []
        return [waiter for waiter in self if waiter.until < self.ask_at]

    def settle(self, settlement: Settlement) -> None:
        """A reservation's call is over, or was not made."""
        self.held -= 1
        self._settlements.append(settlement)

    def observe(self, limits: dict[str, Window], now: float) -> None:
        """What the provider says of its limits; the latest counts."""
        self._limits, self._limits_at = limits, now

    def close(self, closing: Closing) -> None:
        """A call was refused. Of several that are told together the longest counts, once."""
        if told := self._closing:
            closing = replace(
                max(told, closing, key=lambda each: each.seconds),
                granted_at=max(told.granted_at, closing.granted_at),
                recalled_at=min(told.recalled_at, closing.recalled_at),
            )
        self._closing = closing

    def overload(self, granted_at: float) -> None:
        """The provider is overloaded."""
        self._overloaded_at = max(granted_at, self._overloaded_at)

    def has_news(self) -> bool:
        """Whether there is something to tell even if nobody waits."""
        return bool(
            self._pressing
            or self._settlements
            or self._closing
            or self._overloaded_at
            or self.held > 0
        )

    def report(self, now: float) -> Report:
        """What to say now. It is said once: an ask that fails may have been heard."""
        sized = max(1, min(_SIZED, _SIZED_OF_ALL // max(1, len(self._lines))))
        report = Report(
            process=self.process,
            waiting=tuple(_waiting(line, sized) for line in self._lines.values()),
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
            waiter = next(iter(self._lines.get(run, ())), None)
            self.held += 1
            if waiter is None:
                self._give_back(run, amounts, grants.now)
                continue
            self._let_go(waiter)
            waiter.reservation = Reservation(request=waiter.request, amounts=amounts, at=grants.now)
            served.append(waiter)
        is_dry = grants.reason.startswith("permit-")
        self.ask_at = now + (max(grants.wait_s, _FILLS_S) if is_dry else grants.wait_s)
        self.reason = grants.reason
        self._answers += 1
        self._steps_s = {
            run: queue_s / len(self._lines[run])
            for run, queue_s in grants.queues_s.items()
            if run in self._lines
        }
        self._left_until = {run: at for run, at in self._left_until.items() if at > now}
        return served

    def _give_back(self, run: str, amounts: Amounts, at: float) -> None:
        request = PermitRequest(
            run=run, rank=0, size_key="", cache_key="", input_tokens=0, output_cap=0
        )
        reservation = Reservation(request=request, amounts=amounts, at=at)
        self.settle(Settlement(reservation=reservation, used=Amounts(), learn=False))

    def unanswered(self, now: float) -> None:
        """The gate could not be asked."""
        self.ask_at = self._again_at = now + ASK_AGAIN_S
        self.reason, self._steps_s = "limiter-away", {}
        self._answers += 1


def _waiting(line: dict[Waiter, None], sized: int) -> Waiting:
    first = tuple(waiter.request for waiter in islice(line, sized))
    return Waiting(count=len(line), first=first)
