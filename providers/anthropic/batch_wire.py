"""Batches on the wire: our requests as a body, and what is told of batches as our values; pure."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from providers.anthropic.translate import refusal_of_line, translate
from providers.anthropic.wire import completion, count, loaded, message_body
from providers.batches import (
    BatchCounts,
    BatchRequest,
    BatchResult,
    BatchState,
    BatchStatus,
    Outcome,
)
from providers.cleaning import label
from providers.errors import UnreadableAnswer
from providers.values import CacheFor

#: Characters of an address; a longer one is none.
_MAX_URL_CHARS = 2_000
_PROVIDER_ID = re.compile(r"(?!\.{1,2}$)[!-~]{1,100}", re.ASCII)
_CUSTOM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
#: How the provider's lines begin: what follows may be cut or broken.
_LINE_BEGINS = re.compile(rb'\s*\{\s*"custom_id"\s*:\s*"([A-Za-z0-9_-]{1,64})"')
#: Some write these words with two l.
_STATUSES = {status.value: status for status in BatchStatus} | {"cancelling": BatchStatus.CANCELING}
_OUTCOMES = {outcome.value: outcome for outcome in Outcome} | {"cancelled": Outcome.CANCELED}


def batch_body(requests: Sequence[BatchRequest]) -> list[bytes]:
    """The JSON of a batch, in pieces.

    Raises:
        UnicodeEncodeError: a text has half of a surrogate pair in it.
    """
    pieces = [b'{"requests":[']
    for at, one in enumerate(requests):
        begin = f'{"," if at else ""}{{"custom_id":"{one.custom_id}","params":'
        pieces.append(b"".join((begin.encode(), message_body(one.request), b"}")))
    return [*pieces, b"]}"]


def batch_state(told: object) -> BatchState | None:
    """A batch as it is told; None where that is none, or has no id that can be asked for."""
    if not isinstance(told, dict) or not _is_id(told.get("id")):
        return None
    ended_at = _moment(told.get("ended_at"))
    return BatchState(
        provider_id=told["id"],
        status=_status(told.get("processing_status"), ended=ended_at is not None),
        counts=_counts(told.get("request_counts")),
        created_at=_moment(told.get("created_at")),
        ended_at=ended_at,
        expires_at=_moment(told.get("expires_at")),
        results_url=_address(told.get("results_url")),
    )


def batch_result(line: bytes) -> BatchResult | None:
    """The result that a line tells; None where it does not say of which call."""
    told = loaded(line)
    if not isinstance(told, dict):
        begun = _LINE_BEGINS.match(line)
        return _unreadable(begun[1].decode()) if begun else None
    custom_id = told.get("custom_id")
    if not isinstance(custom_id, str) or not _CUSTOM_ID.fullmatch(custom_id):
        return None
    result = told.get("result")
    return _result(custom_id, result) if isinstance(result, dict) else _unreadable(custom_id)


def _result(custom_id: str, result: dict[str, Any]) -> BatchResult:
    """What it has counts more than its word, which may be new to us."""
    outcome = _OUTCOMES.get(label(result.get("type")))
    if outcome in (Outcome.CANCELED, Outcome.EXPIRED):
        return BatchResult(custom_id=custom_id, outcome=outcome)
    if outcome is Outcome.ERRORED or (outcome is None and result.get("error")):
        error = refusal_of_line(result.get("error"))
        return BatchResult(custom_id=custom_id, outcome=Outcome.ERRORED, error=error)
    message = result.get("message")
    try:
        answer = completion(
            message,
            request_id=label(message.get("id")) if isinstance(message, dict) else "",
            model="",
            cache_for=CacheFor.ONE_HOUR,
        )
    except UnreadableAnswer as error:
        return _unreadable(custom_id, error)
    return BatchResult(custom_id=custom_id, outcome=Outcome.SUCCEEDED, completion=answer)


def _unreadable(custom_id: str, error: UnreadableAnswer | None = None) -> BatchResult:
    told = translate(error or UnreadableAnswer(possibly_billed=True))
    return BatchResult(custom_id=custom_id, outcome=Outcome.ERRORED, error=told)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _PROVIDER_ID.fullmatch(value) is not None


def _status(word: object, *, ended: bool) -> BatchStatus:
    if known := _STATUSES.get(label(word)):
        return known
    return BatchStatus.ENDED if ended else BatchStatus.IN_PROGRESS


def _counts(told: object) -> BatchCounts:
    counts = told if isinstance(told, dict) else {}
    return BatchCounts(**{name: count(counts.get(name)) or 0 for name in BatchCounts.__slots__})


def _moment(told: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(label(told))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _address(told: object) -> str | None:
    usable = isinstance(told, str) and 0 < len(told) <= _MAX_URL_CHARS and told.isprintable()
    return str(told) if usable else None
