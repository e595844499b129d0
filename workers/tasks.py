"""Celery's entrances: ids in, one call, no rules. Each is safe to run twice.

A lane's links keep no result: PostgreSQL has all that they did. What the other tasks returned or
raised is kept (`CELERY_RESULT_BACKEND`) and shown in the admin.
"""

from typing import Any
from uuid import UUID

from celery.exceptions import Reject
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from batchgen.celery import app
from batchgen.db.expiry import rows_expire_all
from batchgen.logs import log_context
from batchgen.models import EndedFamily, IdempotencyKey, SignInTries
from runs.engine.dispatch import LOWEST_PRIORITY, TASK_NAME, requeue_last
from runs.engine.lanes import Fence
from workers import (
    process,
    signals,  # noqa: F401  # whoever has the tasks is started and stopped by these
)
from workers.permits import FirstCall
from workers.process import Stopping
from workers.slots import FairShareReached

#: Rows that are of use until their `expires_at`.
_EXPIRING = (IdempotencyKey, SignInTries, EndedFamily, OutstandingToken)


@app.task(name=TASK_NAME, ignore_result=True)
def generate_item(
    item_id: str,
    lane_id: int,
    fencing_token: int,
    *,
    first_call: dict[str, Any],
    due_at: float | None = None,
) -> None:
    """One link of a lane's chain: one item."""
    first = FirstCall.of(first_call)
    fence = Fence(
        lane_id=lane_id, fencing_token=fencing_token, item_id=UUID(item_id), kind=first.kind
    )
    message = generate_item.request
    requeued = (message.delivery_info or {}).get("priority") == LOWEST_PRIORITY
    with log_context(item=item_id, lane=f"{lane_id}.{fencing_token}"):
        try:
            process.current().work(fence, first, due_at=due_at, requeued=requeued)
        except FairShareReached:
            requeue_last(message)
        except Stopping as error:
            # Nothing was claimed: the message goes back for another worker.
            raise Reject(error, requeue=True) from error


@app.task(name="workers.reconcile")
def reconcile_round() -> dict[str, Any]:
    """One round of the reconciler on demand, beside those of every worker; what it did."""
    return process.current().reconcile().as_dict()


@app.task(name="workers.delete_expired")
def delete_expired() -> dict[str, int]:
    """Delete all rows that expired, from beat; how many, by their table."""
    return {model._meta.db_table: rows_expire_all(model) for model in _EXPIRING}
