"""Celery's entrances: ids in, one call, no rules. Each is safe to run twice."""

from typing import Any
from uuid import UUID

from celery.exceptions import Reject

from batchgen.celery import app
from batchgen.logs import log_context
from runs.engine.dispatch import BEHIND, TASK_NAME, put_behind
from runs.engine.lanes import Hold
from workers import (
    process,
    signals,  # noqa: F401  # whoever has the tasks is started and stopped by these
)
from workers.permits import FirstCall
from workers.process import Stopping
from workers.slots import OthersFirst


@app.task(name=TASK_NAME)
def generate_epic(
    run_epic_id: str,
    lane_id: int,
    generation: int,
    *,
    want: dict[str, Any],
    due_at: float | None = None,
) -> None:
    """One link of a lane's chain: one epic."""
    hold = Hold(lane_id=lane_id, generation=generation, run_epic_id=UUID(run_epic_id))
    message = generate_epic.request
    behind = (message.delivery_info or {}).get("priority") == BEHIND
    with log_context(epic=run_epic_id, lane=f"{lane_id}.{generation}"):
        try:
            process.current().work(hold, FirstCall.of(want), due_at=due_at, behind=behind)
        except OthersFirst:
            put_behind(message)
        except Stopping as error:
            # Nothing was claimed: the message goes back for another worker.
            raise Reject(error, requeue=True) from error


@app.task(name="workers.reconcile")
def reconcile_round() -> dict[str, Any]:
    """One round of the reconciler, from beat, beside those of every worker."""
    return process.current().tend().as_dict()
