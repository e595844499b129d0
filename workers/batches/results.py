"""What each result of a batch leads to: pure, but for the price table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from providers.batches import BatchResult, Outcome
from providers.errors import ProviderError, UnreadableAnswer
from runs.engine.batches import Collected, Fate
from runs.states import CallOutcome
from workers.decisions import Finish, GiveBack, StopRun, decide
from workers.spend import NO_SPEND, spend_of

#: Of what is unbilled, and no error.
_CODES = {Outcome.CANCELED: "BATCH_CANCELED", Outcome.EXPIRED: "BATCH_EXPIRED"}


def call_id_of(custom_id: str) -> UUID | None:
    """The call that a result is of; None where no call of ours is named so."""
    try:
        return UUID(hex=custom_id)
    except ValueError:
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class OfItem:
    """What `decide` asks of a claim, where there is none: of an item that is out in a slice."""

    item_id: object
    attempt: int
    max_retries: int
    retry_wait_ms: int
    delay_ms: int
    rate_limit_streak: int = 0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "OfItem":
        """From a row of `batch_items`; the attempt that failed counts."""
        return cls(
            item_id=row["item_id"],
            attempt=row["attempt"] + 1,
            max_retries=row["max_retries"],
            retry_wait_ms=row["retry_wait_ms"],
            delay_ms=row["delay_ms"],
        )


def unanswered(call_id: UUID, item: OfItem) -> "tuple[Collected, ProviderError | None]":
    """Of a call that has no line among the results: it may be billed."""
    return of_error(call_id, UnreadableAnswer(possibly_billed=True), item, spilled=False)


def of_result(
    call_id: UUID, result: BatchResult, item: OfItem | None, *, model: str, spilled: bool
) -> "tuple[Collected, ProviderError | None]":
    """What a result leads to, and the error that is to stop the run, where there is one.

    Args:
        item: of one that failed; None: it is none of ours.
        model: of the run, for an answer that names none.
        spilled: what was not answered goes the usual way, not to another slice.
    """
    if result.completion is not None:
        answer = replace(result.completion, model=result.completion.model or model)
        return (
            Collected(
                call_id=call_id,
                fate="answered",
                outcome=CallOutcome.ANSWERED,
                spend=spend_of(answer, None, batch=True),
                text=answer.text,
                stop_reason=answer.stop_reason.value,
            ),
            None,
        )
    if result.error is not None and item is not None:
        return of_error(call_id, result.error, item, spilled=spilled)
    return (
        Collected(
            call_id=call_id,
            fate=_again(spilled),
            outcome=CallOutcome.FAILED,
            spend=NO_SPEND,
            error_code=_CODES.get(result.outcome, "BATCH_ERRORED"),
        ),
        None,
    )


def of_error(
    call_id: UUID, error: ProviderError, item: OfItem, *, spilled: bool
) -> "tuple[Collected, ProviderError | None]":
    """By the same policy as of a call that was made alone."""
    fate, counts, stops = _again(spilled), False, False
    match decide(error, item):
        case Finish():
            fate, counts = "fail", True
        case GiveBack(spent=spent):
            counts = spent
        case StopRun():
            stops = True
    return (
        Collected(
            call_id=call_id,
            fate=fate,
            outcome=CallOutcome.FAILED,
            spend=replace(NO_SPEND, request_id=error.request_id or ""),
            error_code=error.code,
            error=error.message,
            possibly_billed=error.possibly_billed,
            counts=counts,
        ),
        error if stops else None,
    )


def _again(spilled: bool) -> Fate:
    return "leave" if spilled else "again"
