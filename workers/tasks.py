"""Celery's entrances: ids in, one call, no rules. Each is safe to run twice.

A lane's links are no tasks of Celery's pool: their `Strategy` hands them to the loop. They keep no
result: PostgreSQL has all that they did. What the other tasks returned or
raised is kept (`CELERY_RESULT_BACKEND`) and shown in the admin.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.sessions.models import Session
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from batchgen.celery import app
from batchgen.db.expiry import rows_expire_all
from batchgen.models import ApiToken, EndedFamily, IdempotencyKey, SignInTries
from batchgen.redis.broker_messages import task_of
from runs.engine.dispatch import TASK_NAME
from runs.engine.reconciler import workers_forget
from runs.models import Quote, Worker
from runs.webhooks.deliveries import deliveries_expire
from runs.webhooks.models import Delivery
from workers import (
    process,
    signals,  # noqa: F401  # whoever has the tasks is started and stopped by these
)
from workers.celery_face import Consumer

#: Rows that are of use until their `expires_at`.
_EXPIRING = (IdempotencyKey, SignInTries, EndedFamily, OutstandingToken, ApiToken, Quote)


def item_strategy(task: object, _app: object, consumer: Any, **_: object) -> Callable[..., None]:
    """What Celery's consumer does with a message of an item: the loop works on it.

    It is asked for whenever the consumer begins. Most messages do not come that way; see
    workers/intake.py.
    """
    process.current().attach(Consumer.of(task, consumer), consumer.timer)

    def receive(message: Any, *_: object) -> None:
        message.ack()
        process.current().receive(task_of(message))

    return receive


@app.task(name=TASK_NAME, ignore_result=True, Strategy="workers.tasks:item_strategy")
def generate_item(
    item_id: str,
    lane_id: int,
    fencing_token: int,
    *,
    first_call: dict[str, Any],
    due_at: float | None = None,
) -> None:
    """One link of a lane's chain: one item. What a message says; nobody calls this.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("Items are worked on in a worker's loop alone.")


@app.task(name="workers.reconcile")
def reconcile_round() -> dict[str, Any]:
    """One round of the reconciler on demand, beside those of every worker; what it did."""
    return process.current().reconcile().as_dict()


@app.task(name="workers.delete_expired")
def delete_expired() -> dict[str, int]:
    """Delete all rows whose time is over, from beat; how many, by their table."""
    expired = {model._meta.db_table: rows_expire_all(model) for model in _EXPIRING}
    expired[Session._meta.db_table] = rows_expire_all(Session, at="expire_date")
    expired[Worker._meta.db_table] = workers_forget()
    return {**expired, Delivery._meta.db_table: deliveries_expire()}
