"""A permit's way in values: request, reservation, settlement; and what else is said to a gate.

Amounts are requests or tokens. Times are seconds; those called `at` are by Redis's clock.
"""

from dataclasses import dataclass
from typing import NamedTuple

#: What a provider limits, as the gate names it.
DIMENSIONS = ("requests", "input", "output")
#: The user of runs that no person started.
NOBODY = "-"
#: Why nobody waits in a worker's slot.
GATE_CLOSED = "gate-closed"


class Amounts(NamedTuple):
    """Requests, uncached input tokens and output tokens: one for each of DIMENSIONS."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceilings:
    """What the settings allow, per minute; 0 is no limit of ours. `slots`: calls at a time."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    slots: int = 0
    burst_s: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PermitRequest:
    """One call that wants to be made: whose it is, and how large."""

    run: str
    #: 0 HIGH, 1 NORMAL, 2 LOW.
    rank: int
    #: Whose run it is, and how many turns that user gets for each of one with the weight 1.
    user: str = NOBODY
    weight: int = 1
    #: The same for calls whose sizes resemble each other: of one prompt, mode and purpose.
    size_key: str
    #: The same for calls that begin with the same text, which the provider keeps for a while.
    cache_key: str
    #: By the prompt's length; corrected by what the provider counted for its `size_key`.
    input_tokens: int
    #: The answer's cap, reserved until the first answer of its `size_key` is known.
    output_cap: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """What the gate set aside for a request it granted; it stands until it is settled."""

    request: PermitRequest
    amounts: Amounts
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """What a reservation's call really took; `learn` where the provider counted it."""

    reservation: Reservation
    used: Amounts
    learn: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Closing:
    """No call may start for so long, because one was refused (429).

    Those that were granted before another refusal do not count as a further one in a row.
    """

    seconds: float
    reason: str
    #: When the refused call was granted.
    granted_at: float
    #: Where PostgreSQL remembered it: when Redis did not know the gate; else 0.
    recalled_at: float = 0.0


class Window(NamedTuple):
    """What the provider said of one dimension: the limit a minute, and what is left of it.

    `rounded_to`: by so much what is left may be off.
    """

    limit: int
    remaining: int
    rounded_to: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A run's requests that wait: how many, and the first of them as they are to be granted."""

    count: int
    first: tuple[PermitRequest, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All that one process has to say: who waits, what it holds, and what it heard."""

    process: str
    waiting: tuple[Waiting, ...]
    #: Reservations that are not settled, and how long they stand without a word.
    held: int
    lease_s: float
    settlements: tuple[Settlement, ...] = ()
    #: What the provider said last, by dimension, and how long ago.
    limits: dict[str, Window] | None = None
    limits_age_s: float = 0.0
    closing: Closing | None = None
    #: When the call was granted that found the provider overloaded, or 0.
    overloaded_at: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Grants:
    """What the gate says to a report."""

    #: The run, and what is reserved, of each request that is granted, in order.
    granted: tuple[tuple[str, Amounts], ...]
    now: float
    #: When to ask again, and what those that still wait are waiting for.
    wait_s: float
    reason: str
    #: By run, about how long its requests that still wait will take.
    queues_s: dict[str, float]
    #: Refusals (429) in a row, of all processes.
    refusals: int
    #: Nothing was known of this gate: Redis is new, or lost it.
    fresh: bool
