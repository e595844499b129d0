"""What an attempt's error leads to: the whole policy of retries and rate limits in one place.

Pure: no I/O, no clock, no settings, no chance. docs/errors.md shows `decide` as a table.
"""

from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Literal, Protocol

from content.errors import GenerationError, NothingToGenerate, StorageUnavailable
from limiter.permit_queue import MOST_PARKED_S
from providers.errors import (
    CallAborted,
    Effect,
    Overloaded,
    ProviderError,
    QueueFull,
    RateLimited,
)
from runs.engine.refusals import (
    PRICE_MISSING_CODE,
    PRICE_MISSING_TEXT,
    BudgetRefused,
    PriceMissing,
)
from runs.states import ItemStatus, RunStatus

#: Seconds that backoff never exceeds; the provider may still ask for more.
BACKOFF_MOST_S = 120.0
#: A call's wait is drawn from this part of its backoff, so that calls that failed together are
#: not tried again together.
_BACKOFF_JITTER = (0.5, 1.0)
#: Waits after a 429 that names none: the first lies between these, each next is twice as long.
UNSTATED_WAIT_S = (30.0, 60.0)
#: They double at most this often, so that a lane never sleeps for hours.
_UNSTATED_DOUBLINGS = 4
#: After so many in a row it is a limit that waiting does not lift.
_UNSTATED_IN_A_ROW = 5
#: A lane's delay doubles with each rate limit in a row, to at most so many times its own length.
_PACE_GROWTH_MOST = 8
#: A gate stays closed by so much longer than asked, at most, as a part of what was asked.
_CLOSED_JITTER = 0.05
#: Lanes that wait for the same gate come back within so many seconds of its opening.
_GATE_JITTER_S = 0.5


class RunNotActive(Exception):
    """The run was paused or ended, so no further call of this attempt may start."""


class Claim(Protocol):
    """What a decision needs to know of the claim.

    `attempt` counts this one; `rate_limit_streak` those rate limits in a row that the lane met
    before.
    """

    @property
    def item_id(self) -> object: ...
    @property
    def attempt(self) -> int: ...
    @property
    def max_retries(self) -> int: ...
    @property
    def retry_wait_ms(self) -> int: ...
    @property
    def delay_ms(self) -> int: ...
    @property
    def rate_limit_streak(self) -> int: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Closing:
    """A rate limit closed the gate.

    Attributes:
        seconds: until it opens.
        in_a_row: closings without an answer in between, over all workers, this one included.
    """

    seconds: float
    in_a_row: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Between:
    """A wait in seconds, to be drawn at random."""

    least_s: float = 0.0
    most_s: float = 0.0

    def draw(self, random: Random) -> float:
        """One of them, all alike."""
        return random.uniform(self.least_s, self.most_s)


AT_ONCE = Between()
#: Calls under way hold the rest of a budget, and take less than they hold.
BUDGET_WAIT = Between(least_s=2.0, most_s=4.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finish:
    """The item is final, FAILED or SKIPPED; the run goes on."""

    status: ItemStatus
    code: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveBack:
    """The item is PENDING again, and its lane waits before it is tried again.

    Attributes:
        spent: the attempt counts.
        slower: the lane's pace grows, until an item of it ends.
    """

    reason: Literal["rate-limit", "backoff", "budget", "stopped"]
    code: str
    message: str
    wait: Between = AT_ONCE
    spent: bool = False
    slower: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRun:
    """The run is PAUSED or FAILED; the item is PENDING, and the attempt does not count."""

    to: RunStatus
    code: str
    message: str


Decision = Finish | GiveBack | StopRun


def decide(error: Exception, claim: Claim, closing: Closing | None = None) -> Decision:
    """What an attempt that ended with `error` leads to.

    Args:
        closing: what the error did to the gate, where it closed it.
    """
    match error:
        case ProviderError():
            return _after_call(error, claim, closing)
        case StorageUnavailable():
            return _retry(error, claim)
        case GenerationError():
            nothing = isinstance(error, NothingToGenerate)
            status = ItemStatus.SKIPPED if nothing else ItemStatus.FAILED
            return Finish(status=status, code=error.code, message=error.message)
        case CallAborted() | RunNotActive() | BudgetRefused() | PriceMissing():
            return _not_begun(error)
    return Finish(
        status=ItemStatus.FAILED,
        code="INTERNAL_ERROR",
        message=f"batchgen made a mistake here; the worker's log has it under {claim.item_id}.",
    )


def _after_call(error: ProviderError, claim: Claim, closing: Closing | None) -> Decision:
    match error.effect:
        case Effect.WAIT:
            return _wait(error, claim, closing)
        case Effect.RETRY:
            return _retry(error, claim)
        case Effect.FAIL_ITEM:
            return Finish(status=ItemStatus.FAILED, code=error.code, message=error.message)
        case Effect.PAUSE_RUN:
            return StopRun(to=RunStatus.PAUSED, code=error.code, message=error.message)
        case Effect.FAIL_RUN:
            return StopRun(to=RunStatus.FAILED, code=error.code, message=error.message)


def _wait(error: ProviderError, claim: Claim, closing: Closing | None) -> Decision:
    unstated = error.retry_after_s is None
    if closing and unstated and closing.in_a_row >= _UNSTATED_IN_A_ROW:
        return StopRun(to=RunStatus.PAUSED, code=error.code, message=error.message)
    pace_s = paced_ms(claim.delay_ms, rate_limits=claim.rate_limit_streak + 1) / 1000
    least_s = min(max(closing.seconds if closing else 0, pace_s), MOST_PARKED_S)
    return GiveBack(
        reason="rate-limit",
        code=error.code,
        message=error.message,
        wait=Between(least_s=least_s, most_s=least_s + _GATE_JITTER_S),
        slower=True,
    )


def _retry(error: ProviderError | StorageUnavailable, claim: Claim) -> Decision:
    if claim.attempt > claim.max_retries:
        return Finish(status=ItemStatus.FAILED, code=error.code, message=error.message)
    backoff_s = min(BACKOFF_MOST_S, claim.retry_wait_ms / 1000 * float(2 ** (claim.attempt - 1)))
    asked_s = error.retry_after_s or 0.0
    least_s, most_s = (max(asked_s, part * backoff_s) for part in _BACKOFF_JITTER)
    return GiveBack(
        reason="backoff",
        code=error.code,
        message=error.message,
        wait=Between(least_s=least_s, most_s=most_s),
        spent=True,
    )


def _not_begun(error: CallAborted | RunNotActive | BudgetRefused | PriceMissing) -> Decision:
    match error:
        case CallAborted():
            return _stopped("The call was given up.")
        case RunNotActive():
            return _stopped("The run stands still; the answer so far is kept.")
        case BudgetRefused():
            return GiveBack(
                reason="budget",
                code="BUDGET_REACHED",
                message="Its next call does not fit the budget now.",
                wait=BUDGET_WAIT,
            )
        case PriceMissing():
            return StopRun(to=RunStatus.PAUSED, code=PRICE_MISSING_CODE, message=PRICE_MISSING_TEXT)


def _stopped(message: str) -> GiveBack:
    return GiveBack(reason="stopped", code="STOPPED", message=message)


def paced_ms(delay_ms: int, *, rate_limits: int) -> int:
    """A lane's delay after so many rate limits in a row: 2, 4, then 8 times as long."""
    return delay_ms * min(1 << min(rate_limits, _PACE_GROWTH_MOST), _PACE_GROWTH_MOST)


class PermitUse(Enum):
    """What became of a failed call's permit, as the limiter counts it."""

    NONE = "none"  # nothing was sent: all of it goes back
    REQUEST = "request"  # a request was made, and no tokens were taken
    UNKNOWN = "unknown"  # it may have been billed: nobody knows how many tokens it took
    OVERLOAD = "overload"  # a request was made, and everybody makes fewer at the same time


@dataclass(frozen=True, kw_only=True, slots=True)
class CloseGate:
    """The permit is used up, and no call starts for so long."""

    wait: Between


def settle(error: ProviderError, *, closings: int) -> PermitUse | CloseGate:
    """What a failed call means for the limiter.

    Args:
        closings: how often in a row the gate was closed before, over all workers.
    """
    match error:
        case RateLimited():
            return CloseGate(wait=_closed(error.retry_after_s, in_a_row=closings + 1))
        case QueueFull():
            return PermitUse.NONE
        case Overloaded():
            return PermitUse.OVERLOAD
    return PermitUse.UNKNOWN if error.possibly_billed else PermitUse.REQUEST


def _closed(asked_s: float | None, *, in_a_row: int) -> Between:
    """For how long a 429 closes the gate; longer each time, where it does not say how long."""
    if asked_s:
        return Between(least_s=asked_s, most_s=asked_s * (1 + _CLOSED_JITTER))
    times = float(2 ** min(in_a_row - 1, _UNSTATED_DOUBLINGS))
    least_s, most_s = UNSTATED_WAIT_S
    return Between(least_s=least_s * times, most_s=most_s * times)
