"""The table of docs/errors.md, from the code: `python -m tests.unit.workers.error_table`."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from content.errors import GenerationError
from providers.errors import CallAborted, ConnectionFailed, Effect, ProviderError, RateLimited
from runs.engine.refusals import BudgetRefused, PriceMissing
from runs.pacing import PROFILES
from runs.states import RunStatus
from workers.decisions import (
    Between,
    CloseGate,
    Closing,
    Decision,
    Finish,
    GiveBack,
    PermitUse,
    RunNotActive,
    StopRun,
    decide,
    settle,
)

_E = TypeVar("_E", bound=Exception)

_HEAD = "| what happened | code | item | attempt | tried again | run | limiter |"
_LIMITER = {
    PermitUse.NONE: "as if it was not asked",
    PermitUse.REQUEST: "a request, no tokens",
    PermitUse.UNKNOWN: "a request, tokens unknown",
    PermitUse.OVERLOAD: "a request; fewer calls at the same time",
}


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A first attempt under the profile "normal"."""

    item_id: str = "an item"
    attempt: int = 1
    max_retries: int = PROFILES["normal"].max_retries
    retry_wait_ms: int = PROFILES["normal"].retry_wait_ms
    delay_ms: int = PROFILES["normal"].delay_ms
    rate_limit_streak: int = 0


FIRST = Claimed()
LAST = replace(FIRST, attempt=FIRST.max_retries + 1)


def rows() -> Iterator[str]:
    """The table's lines."""
    yield _HEAD
    yield "|" + " --- |" * (_HEAD.count("|") - 1)
    for kind in _under(ProviderError):
        yield from _call_rows(kind)
    yield _call_row(
        "ConnectionFailed, perhaps billed", ConnectionFailed(possibly_billed=True), FIRST
    )
    for failed in _under(GenerationError):
        name = failed.__name__
        first, last = (decide(failed("Why."), claim) for claim in (FIRST, LAST))
        yield _row(name, failed.code, first)
        if last != first:
            yield _row(f"{name}, retries used up", failed.code, last)
    yield _row("the call is given up", "STOPPED", decide(CallAborted(), FIRST))
    yield _row("the run is not active", "STOPPED", decide(RunNotActive(), FIRST))
    refused = BudgetRefused(budget_id=1, need=1)
    yield _row("a budget has no room for its call", "BUDGET_REACHED", decide(refused, FIRST))
    unpriced = decide(PriceMissing(), FIRST)
    yield _row("a budget applies, and the model has no price", "PRICE_UNKNOWN", unpriced)
    yield _row("anything else: a bug", "INTERNAL_ERROR", decide(ValueError(), FIRST))


def _under(base: type[_E]) -> Iterator[type[_E]]:
    """Its classes, as its module's tree has them."""
    for kind in base.__subclasses__():
        if kind.__module__ == base.__module__:
            yield kind
            yield from _under(kind)


def _call_rows(kind: type[ProviderError]) -> Iterator[str]:
    name = kind.__name__
    if issubclass(kind, RateLimited):
        yield _call_row(f"{name}, 20 s asked for", kind(retry_after_s=20), FIRST)
        yield _call_row(f"{name}, no time said", kind(), FIRST)
        yield _call_row(f"{name}, the third in a row", kind(), FIRST, closings=2)
        yield _call_row(f"{name}, the fifth in a row", kind(), FIRST, closings=4)
    elif kind.effect is Effect.RETRY:
        yield _call_row(name, kind(), FIRST)
        yield _call_row(f"{name}, retries used up", kind(), LAST)
    else:
        yield _call_row(name, kind(), FIRST)


def _call_row(name: str, error: ProviderError, claim: Claimed, *, closings: int = 0) -> str:
    use = settle(error, closings=closings)
    if isinstance(use, CloseGate):
        closing = Closing(seconds=use.wait.least_s, in_a_row=closings + 1)
        decision = decide(error, claim, closing)
        return _row(name, error.code, decision, f"closed for {_seconds(use.wait)}")
    return _row(name, error.code, decide(error, claim), _LIMITER[use])


def _row(name: str, code: str, decision: Decision, limiter: str = "-") -> str:
    return f"| {name} | {code} | {' | '.join(_cells(decision))} | {limiter} |"


def _cells(decision: Decision) -> tuple[str, str, str, str]:
    match decision:
        case Finish():
            return decision.status, "counts", "-", "goes on"
        case GiveBack():
            attempt = "counts" if decision.spent else "-"
            waits = f"after {_seconds(decision.wait)}" if decision.wait.most_s else "at once"
            slower = ", its lane more slowly" if decision.slower else ""
            return "PENDING", attempt, waits, f"goes on{slower}"
        case StopRun():
            again = "resume" if decision.to is RunStatus.PAUSED else "retry"
            return "PENDING", "-", f"after a {again}", decision.to


def _seconds(wait: Between) -> str:
    return f"{wait.least_s:g} to {wait.most_s:g} s"


if __name__ == "__main__":
    sys.stdout.writelines(f"{row}\n" for row in rows())
