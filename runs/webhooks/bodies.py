"""What a delivery says: an object of the API, read and written by the API's own functions.

Those are imported where they are first needed: workers and commands show nothing of the API, and
would begin later for it where nobody has a hook.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from redis import RedisError

from batchgen.api.output import shown
from batchgen.errors import NotFound
from content.registry import kind_named
from limiter.status import Closed
from runs.reads.gates import Limits, limits_read
from runs.reads.items import item_read
from runs.reads.progress import RunProgress
from runs.reads.selectors import run_read
from runs.webhooks.events import EventType, body_text
from runs.webhooks.models import Delivery


def run_body(event: str, *, run_id: UUID, at: datetime) -> str:
    """The run as it is for the caller's transaction.

    Raises:
        NotFound: it is gone.
    """
    from runs.api.run_output import run_json  # noqa: PLC0415  # see above

    return body_text(event, at=at, data=run_json(RunProgress.of(run_read(run_id=run_id))))


def gate_body(event: str, *, model: str, gate: str, at: datetime, closed: Closed | None) -> str:
    """The model's limits, as the queue shows them, with what PostgreSQL says of the closing: Redis
    may be away."""
    from runs.api.queue_json import LimitsOutput  # noqa: PLC0415  # see above

    try:
        (limits,) = [each for each in limits_read({model: gate}) if each.model == model]
    except RedisError:
        limits = Limits(
            model=model,
            buckets={},
            in_flight=0,
            slots=None,
            closed_until=None,
            closed_reason=None,
            time_until_next_ms=0,
        )
    told = replace(
        limits,
        closed_until=closed.until if closed else None,
        closed_reason=closed.reason if closed else None,
    )
    return body_text(event, at=at, data=shown(LimitsOutput, told))


def late_body(delivery: Delivery) -> str | None:
    """The body of a delivery that was written without one: of an item that failed, which nothing
    changes any more; or of a run, as it is now. None: what it is about is gone."""
    if delivery.run_id is None:
        return None
    try:
        if delivery.type == EventType.ITEM_FAILED and delivery.item_id:
            data = _item(delivery.run_id, delivery.item_id)
            return body_text(delivery.type, at=delivery.at, data=data)
        return run_body(delivery.type, run_id=delivery.run_id, at=delivery.at)
    except NotFound:
        return None


def _item(run_id: UUID, item_id: UUID) -> Mapping[str, Any]:
    """As the run's list of epics, or of items, shows it."""
    from runs.api.item_output import RunEpicOutput, RunItemOutput  # noqa: PLC0415  # see above

    item = item_read(run=run_read(run_id=run_id), item_id=item_id)
    of_epic = kind_named(item.kind).item_kind == "epic"
    return shown(RunEpicOutput if of_epic else RunItemOutput, item)
