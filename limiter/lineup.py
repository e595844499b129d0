"""What one process says to the gate, and what it makes of the answer. Pure: no I/O, no clock.

All times here are the process's own monotonic seconds, except a permit's `at`.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from limiter.gate import Amounts, Permit, Refused, Report, Settled, Verdict, Want
from providers.values import RateLimits

#: After an answer that could not be had.
ASK_AGAIN_S = 0.25
#: A process that is not heard of for so long no longer waits or holds anything.
LEASE_S = 5.0


@dataclass(eq=False, slots=True)
class Ticket:
    """A call that waits in line; it has its permit once that is set."""

    want: Want
    permit: Permit | None = None
    #: What it waits for, as the gate said last, and how long its run's calls will take.
    reason: str = ""
    queue_s: float = 0.0


@dataclass(slots=True)
class Lineup:
    """The calls of one process that wait at one gate, and what is to be told at the next ask."""

    process: str
    #: The moment from which on it pays to ask.
    ask_at: float = 0.0
    #: The last answer's.
    reason: str = ""
    held: int = 0
    #: Somebody came who should not wait for `ask_at`.
    _pressing: bool = False
    _waiting: list[Ticket] = field(default_factory=list)
    _settled: list[Settled] = field(default_factory=list)
    _limits: RateLimits | None = None
    _limits_at: float = 0.0
    _refused: Refused | None = None
    _overloaded_at: float = 0.0

    def join(self, ticket: Ticket) -> None:
        """Wait in line. Who waits for nobody, or is of higher rank than all here, asks at once."""
        if all(ticket.want.rank < other.want.rank for other in self._waiting):
            self._pressing = True
        self._waiting.append(ticket)

    def due_s(self, now: float) -> float:
        """Seconds until it pays to ask."""
        return 0.0 if self._pressing else max(0.0, self.ask_at - now)

    def leave(self, ticket: Ticket) -> None:
        """Wait no longer; nothing where it does not wait."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)

    def __len__(self) -> int:
        return len(self._waiting)

    def settle(self, settled: Settled) -> None:
        """A permit's call is over, or was not made."""
        self.held -= 1
        self._settled.append(settled)

    def hear(self, limits: RateLimits, now: float) -> None:
        """The provider's headers; the latest count."""
        self._limits, self._limits_at = limits, now

    def refuse(self, refused: Refused) -> None:
        """A 429."""
        self._refused = refused

    def overload(self, at: float) -> None:
        """The provider is overloaded."""
        self._overloaded_at = max(at, self._overloaded_at)

    def has_news(self) -> bool:
        """Whether there is something to tell even if nobody waits."""
        return bool(self._settled or self._refused or self._overloaded_at or self.held > 0)

    def report(self, now: float) -> Report:
        """What to say now. It is said once: an ask that fails may have been heard."""
        lines: dict[str, list[Want]] = defaultdict(list)
        for ticket in self._waiting:
            lines[ticket.want.run].append(ticket.want)
        report = Report(
            process=self.process,
            lines=dict(lines),
            held=self.held,
            lease_s=LEASE_S,
            settled=tuple(self._settled),
            limits=self._limits,
            limits_age_s=now - self._limits_at,
            refused=self._refused,
            overloaded_at=self._overloaded_at,
        )
        self._settled, self._limits, self._refused, self._overloaded_at = [], None, None, 0.0
        self._pressing = False
        return report

    def answer(self, verdict: Verdict, now: float) -> list[Ticket]:
        """Take the gate's answer in; the tickets that have their permit now.

        A permit whose ticket left meanwhile is given back at the next ask.
        """
        done = []
        for run, reserved in verdict.granted:
            ticket = next((t for t in self._waiting if t.want.run == run), None)
            self.held += 1
            if ticket is None:
                self._give_back(run, reserved, verdict.now)
                continue
            ticket.permit = Permit(want=ticket.want, reserved=reserved, at=verdict.now)
            self._waiting.remove(ticket)
            done.append(ticket)
        for ticket in self._waiting:
            ticket.reason = verdict.reason
            ticket.queue_s = verdict.queues_s.get(ticket.want.run, 0.0)
        self.ask_at = now + verdict.wait_s
        self.reason = verdict.reason
        return done

    def _give_back(self, run: str, reserved: Amounts, at: float) -> None:
        want = Want(run=run, rank=0, kind="", prefix="", input_tokens=0, output_cap=0)
        permit = Permit(want=want, reserved=reserved, at=at)
        self.settle(Settled(permit=permit, used=Amounts(), learn=False))

    def unanswered(self, now: float) -> None:
        """The gate could not be asked."""
        self.ask_at = now + ASK_AGAIN_S
        self.reason = "limiter-away"
        for ticket in self._waiting:
            ticket.queue_s = 0.0
