"""Slices: a run's first requests, asked by the provider's batches. What each statement changes and
when: docs/batches.md.

Like the lanes' ones, each is one transaction that may be sent twice. `batch_id` and the state that
it names are the fence: what is late changes nothing.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from batchgen.db.sql import Row, Statement
from runs.engine.groups import LOCKED_S
from runs.engine.lanes import PATIENCE_S
from runs.engine.queries import QUERIES, loading
from runs.engine.slice_values import Collected, Seen, SliceRequest
from runs.states import BATCH_OUT, BatchState, CallOutcome

T = TypeVar("T")

_OUT = [state.value for state in BATCH_OUT]


def batch_work() -> Statement[list[str]]:
    """Names of the providers with whose batches there is something to do."""
    return _of("batch_work", {"out": _OUT}, lambda rows: [row["provider"] for row in rows])


def batches_out(provider: str) -> Statement[list[Row]]:
    """A provider's slices that may still bring answers, the oldest first."""
    return _of("batches_out", {"provider": provider, "out": _OUT}, list)


def requests_out(provider: str) -> Statement[int]:
    """How many requests of a provider's slices are out."""
    return _of("requests_out", {"provider": provider}, lambda rows: int(rows[0]["requests"]))


def runs_for_slices(provider: str) -> Statement[list[Row]]:
    """Runs with items that wait for a slice, in the order of their turns."""
    return _of("runs_for_slices", {"provider": provider}, list)


def slice_load(kind: str, *, run_id: UUID, most: int, but: Iterable[UUID]) -> Statement[list[Row]]:
    """The next items that wait for a slice, but these, with what their kind loads of them."""
    params = {"run_id": run_id, "most": most, "but": list(but)}
    return _of(loading(kind), params, list)


def slice_begin(
    *,
    batch_id: UUID,
    run_id: UUID,
    requests: Sequence[SliceRequest],
    primer: bool,
    prefix: str,
    shape: str,
) -> Statement[set[UUID]]:
    """Write the intent of a slice; the calls of those that are in it."""
    params = {
        "batch_id": batch_id,
        "run_id": run_id,
        "given": _json([asdict(request) for request in requests]),
        "item_ids": [request.item_id for request in requests],
        "primer": primer,
        "prefix": prefix,
        "shape": shape,
    }
    return _of("slice_begin", params, _ids, locked_s=LOCKED_S)


def items_leave(*, run_id: UUID, item_ids: Sequence[UUID] | None) -> Statement[set[UUID]]:
    """Have these items that wait for a slice go the usual way; None: all. Those that do."""
    params = {"run_id": run_id, "item_ids": None if item_ids is None else list(item_ids)}
    return _of("items_leave_batch", params, _ids)


def items_spill(*, run_id: UUID, most: int) -> Statement[set[UUID]]:
    """Have so many of the items that wait for a slice go the usual way, the last ones first."""
    return _of("items_spill", {"run_id": run_id, "most": most}, _ids)


def batch_opened(
    *,
    batch_id: UUID,
    provider_batch_id: str,
    created_at: datetime | None,
    expires_at: datetime | None,
) -> Statement[bool]:
    """The provider has the slice, and by this name; False where that is known already."""
    params = {
        "batch_id": batch_id,
        "provider_batch_id": provider_batch_id,
        "created_at": created_at,
        "expires_at": expires_at,
    }
    return _of("batch_opened", params, bool, patience_s=PATIENCE_S)


def batch_not_ours(*, batch_id: UUID, provider_batch_id: str) -> Statement[bool]:
    """What was taken for the slice is somebody else's."""
    params = {"batch_id": batch_id, "provider_batch_id": provider_batch_id}
    return _of("batch_not_ours", params, bool)


def batches_known(names: Sequence[str]) -> Statement[set[str]]:
    """Which of these batches of the provider's are slices of ours."""
    return _of(
        "batches_known",
        {"names": list(names)},
        lambda rows: {row["provider_batch_id"] for row in rows},
    )


def batches_seen(seen: Sequence[Seen]) -> Statement[set[UUID]]:
    """Write down what the provider says of slices."""
    return _of("batches_seen", {"given": _json([asdict(each) for each in seen])}, _ids)


def batches_unseen(batch_ids: Sequence[UUID]) -> Statement[set[UUID]]:
    """The provider does not know these."""
    return _of("batches_unseen", {"batch_ids": list(batch_ids)}, _ids)


def batch_refused(batch_id: UUID, *, error_code: str) -> Statement[set[UUID]]:
    """The provider did not take it: nothing is billed, and its items wait for another one."""
    return _gone(batch_id, BatchState.REFUSED, CallOutcome.FAILED, error_code, billed=False)


def batch_lost(batch_id: UUID) -> Statement[set[UUID]]:
    """The provider does not have it: it may be billed, and its items wait for another one."""
    return _gone(batch_id, BatchState.LOST, CallOutcome.LOST, "BATCH_LOST", billed=True)


def _gone(
    batch_id: UUID, state: BatchState, outcome: CallOutcome, error_code: str, *, billed: bool
) -> Statement[set[UUID]]:
    params = {
        "batch_id": batch_id,
        "state": state.value,
        "outcome": outcome.value,
        "error_code": error_code,
        "possibly_billed": billed,
    }
    return _of("batch_gone", params, _ids, patience_s=PATIENCE_S, locked_s=LOCKED_S)


def batches_spill(batch_ids: Sequence[UUID]) -> Statement[set[UUID]]:
    """Have them cancelled; what is canceled or expired of them goes realtime."""
    return _of("batch_spill", {"batch_ids": list(batch_ids)}, _ids)


def batch_let_go(*, run_id: UUID, batch_id: UUID) -> Statement[set[UUID]]:
    """Its items go on without it; those that do."""
    return _of("batch_let_go", {"run_id": run_id, "batch_id": batch_id}, _ids)


def run_spills(provider: str, *, no_deadline_s: float) -> Statement[list[Row]]:
    """What is left of the runs that are to end by a time."""
    return _of("run_spills", {"provider": provider, "no_deadline_s": no_deadline_s}, list)


def calls_left(batch_id: UUID, *, most: int) -> Statement[set[UUID]]:
    """Some of the slice's requests that have no outcome."""
    return _of("calls_left", {"batch_id": batch_id, "most": most}, _ids)


def calls_in_vain(batch_id: UUID, *, times: int, most: int) -> Statement[set[UUID]]:
    """Some of the slice's requests that have no outcome, of items that were so often in slices
    that expired or were lost."""
    params = {"batch_id": batch_id, "times": times, "most": most}
    return _of("calls_in_vain", params, _ids)


def calls_of_batch(batch_id: UUID, call_ids: Sequence[UUID]) -> Statement[set[UUID]]:
    """Which of these are requests of the slice."""
    return _of("calls_of_batch", {"batch_id": batch_id, "call_ids": list(call_ids)}, _ids)


def batch_items(batch_id: UUID, call_ids: Sequence[UUID]) -> Statement[dict[UUID, Row]]:
    """What is to be known of the items of these requests, by the call."""
    return _of(
        "batch_items",
        {"batch_id": batch_id, "call_ids": list(call_ids)},
        lambda rows: {row["call_id"]: row for row in rows},
    )


def batch_collect(batch_id: UUID, collected: Sequence[Collected]) -> Statement[Row]:
    """End these requests, each once; `{calls, answered, failed, left}`, counted."""
    params = {
        "batch_id": batch_id,
        "given": _json([each.given() for each in collected]),
        "call_ids": [each.call_id for each in collected],
    }
    return _of(
        "batch_collect", params, lambda rows: rows[0], patience_s=PATIENCE_S, locked_s=LOCKED_S
    )


def batch_settle(collected: Sequence[Collected]) -> Statement[set[UUID]]:
    """Book what became of these requests of a run that was deleted, each once; those booked."""
    given = {"given": _json([each.given() for each in collected])}
    return _of("batch_settle", given, _ids, patience_s=PATIENCE_S, locked_s=LOCKED_S)


def batch_read(batch_id: UUID) -> Statement[bool]:
    """Its results were read to their end."""
    return _of("batch_read", {"batch_id": batch_id}, bool)


def batch_collected(batch_id: UUID) -> Statement[bool]:
    """It is done with; False where a request of it has no outcome."""
    return _of("batch_collected", {"batch_id": batch_id}, bool)


def shape_known(*, run_id: UUID, shape: str) -> Statement[Row]:
    """`{known, answered, under_way}`: see the statement."""
    return _of("shape_known", {"run_id": run_id, "shape": shape}, lambda rows: rows[0])


def prefix_known(*, prefix: str, cached_s: float) -> Statement[Row]:
    """`{cached, under_way, in_vain}`: see the statement."""
    params = {"prefix": prefix, "cached_s": cached_s, "out": _OUT}
    return _of("prefix_known", params, lambda rows: rows[0])


def _of(
    name: str, params: Mapping[str, object], read: Callable[[list[Row]], T], **patience: float
) -> Statement[T]:
    return Statement(queries=QUERIES, name=name, params=params, read=read, **patience)


def _ids(rows: list[Row]) -> set[UUID]:
    return {row["id"] for row in rows}


def _json(given: Any) -> str:
    return json.dumps(given, default=str)
