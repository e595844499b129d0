"""What each result of a batch leads to: pure, but for the price table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from providers import batches as theirs
from providers.batches import BatchResult
from providers.errors import ProviderError, UnreadableAnswer
from runs.engine.slice_values import Collected, Fate
from runs.states import CallOutcome, MoneyLane
from workers.batches.writing import Outcome
from workers.decisions import Finish, GiveBack, StopRun, decide
from workers.spend import NO_SPEND, spend_of

#: Of what is unbilled, and no error.
_CODES = {theirs.Outcome.CANCELED: "BATCH_CANCELED", theirs.Outcome.EXPIRED: "BATCH_EXPIRED"}
LOST = "BATCH_LOST"
#: In so many slices an item may be for nothing, which may be a day each.
MOST_IN_VAIN = 3
_IN_VAIN_TEXTS = {
    "BATCH_EXPIRED": (
        f"The provider's batches expired {MOST_IN_VAIN} times before it got to this request. "
        "Retry it in the lane realtime, or later."
    ),
    LOST: (
        f"The provider's batches with this request were lost {MOST_IN_VAIN} times. Retry it in the "
        "lane realtime; `manage.py ledger reconcile` tells what was billed."
    ),
}


def call_id_of(custom_id: str) -> UUID | None:
    """The call that a result is of; None where no call of ours is named so."""
    try:
        return UUID(hex=custom_id)
    except ValueError:
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class OfItem:
    """What `decide` asks of a claim, where there is none: of an item that is out in a slice.

    Attributes:
        last_time: it was out for nothing so often that it is not once more.
        only_batches: it does not go realtime for that.
    """

    item_id: object
    attempt: int
    max_retries: int
    retry_wait_ms: int
    delay_ms: int
    last_time: bool
    only_batches: bool
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
            last_time=row["in_vain"] + 1 >= MOST_IN_VAIN,
            only_batches=row["lane"] == MoneyLane.BATCH,
        )


def unanswered(call_id: UUID, item: OfItem) -> Outcome:
    """Of a call that has no line among the results: it may be billed."""
    return _of_error(call_id, UnreadableAnswer(possibly_billed=True), item, spilled=False)


def lost(call_id: UUID, item: OfItem) -> Outcome:
    """Of a call whose slice is lost, the last one of its item: it may be billed."""
    ended = _in_vain(call_id, LOST, item, spilled=False)
    return Outcome(collected=replace(ended, outcome=CallOutcome.LOST, possibly_billed=True))


def of_result(
    call_id: UUID, result: BatchResult, item: OfItem | None, *, model: str, spilled: bool
) -> Outcome:
    """What a result leads to.

    Args:
        item: of one that was not answered; None: it is none of ours, or it was deleted.
        model: of the run, for an answer that names none.
        spilled: what was not answered goes the usual way, not to another slice.
    """
    if result.completion is not None:
        answer = replace(result.completion, model=result.completion.model or model)
        return Outcome(
            collected=Collected(
                call_id=call_id,
                fate="answered",
                outcome=CallOutcome.ANSWERED,
                spend=spend_of(answer, None, batch=True),
                text=answer.text,
                stop_reason=answer.stop_reason.value,
            )
        )
    if result.error is not None and item is not None:
        return _of_error(call_id, result.error, item, spilled=spilled)
    code = _CODES.get(result.outcome, "BATCH_ERRORED")
    ended = _in_vain(call_id, code, item, spilled=spilled)
    doubtful = result.error is not None and result.error.possibly_billed
    return Outcome(collected=replace(ended, possibly_billed=doubtful))


def _of_error(call_id: UUID, error: ProviderError, item: OfItem, *, spilled: bool) -> Outcome:
    """By the same policy as of a call that was made alone."""
    fate, counts, stops = _again(spilled), False, False
    match decide(error, item):
        case Finish():
            fate, counts = "fail", True
        case GiveBack(spent=spent):
            counts = spent
        case StopRun():
            stops = True
    ended = Collected(
        call_id=call_id,
        fate=fate,
        outcome=CallOutcome.FAILED,
        spend=replace(NO_SPEND, request_id=error.request_id or ""),
        error_code=error.code,
        error=error.message,
        possibly_billed=error.possibly_billed,
        counts=counts,
    )
    return Outcome(collected=ended, stops=error if stops else None)


def _in_vain(call_id: UUID, code: str, item: OfItem | None, *, spilled: bool) -> Collected:
    """Of what nobody is to blame for: out again, but not for ever."""
    fate, error = _again(spilled), ""
    if item is not None and item.last_time and code in _IN_VAIN_TEXTS and not spilled:
        fate = "fail" if item.only_batches else "leave"
        error = _IN_VAIN_TEXTS[code]
    return Collected(
        call_id=call_id,
        fate=fate,
        outcome=CallOutcome.FAILED,
        spend=NO_SPEND,
        error_code=code,
        error=error,
    )


def _again(spilled: bool) -> Fate:
    return "leave" if spilled else "again"
