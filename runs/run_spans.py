"""The span of a run: where its items' spans belong, and its telling at the end.

It lasts for hours and over processes, so nobody has it open: its ids come from the run's own, and
whoever ends the run tells of it. Which trace it is in stands in the run's row (`Run.traceparent`),
of the request that started it. So nothing of it is lost with Redis, or with a worker. A run
without, as one that a command started, is the first of a trace with ids of its own.
"""

import hashlib
from datetime import datetime
from typing import Protocol
from uuid import UUID

from batchgen.tracing import names, spans
from batchgen.tracing.values import Place
from runs.states import RunStatus

_WENT_WRONG = {RunStatus.FAILED, RunStatus.COMPLETED_WITH_ERRORS}


class EndedRun(Protocol):
    """What is told of a run; `runs.models.Run` has it."""

    id: UUID
    type: str
    status: str
    error_code: str
    model: str
    provider: str
    project_id: UUID
    total_items: int
    traceparent: str
    created_at: datetime
    completed_at: datetime | None


def traceparent_now() -> str:
    """What a run that is made now keeps: the span under way here; empty: there is none."""
    place = spans.current()
    return place.traceparent if place else ""


def run_place(run_id: UUID, traceparent: str) -> Place:
    """The run's span, below which those of its items are."""
    digest = hashlib.sha256(run_id.bytes).digest()
    span_id = int.from_bytes(digest[:8])
    if request := spans.place_of(traceparent):
        return Place(request.trace_id, span_id, sampled=request.sampled)
    return spans.root(int.from_bytes(digest[8:24]), span_id)


def run_span(run: EndedRun) -> None:
    """Tell of a run that has ended."""
    if not spans.are_made() or run.completed_at is None:
        return
    spans.record(
        f"run {run.type}",
        place=run_place(run.id, run.traceparent),
        parent=spans.place_of(run.traceparent),
        began=run.created_at,
        ended=run.completed_at,
        attributes={
            names.RUN_ID: str(run.id),
            names.RUN_TYPE: run.type,
            names.RUN_STATUS: run.status,
            names.RUN_ITEMS: run.total_items,
            names.PROJECT_ID: str(run.project_id),
            names.GEN_AI_PROVIDER: run.provider,
            names.GEN_AI_REQUEST_MODEL: run.model,
        },
        error_type=run.error_code or run.status if run.status in _WENT_WRONG else "",
    )
