"""Sends what the outbox holds: a step that each worker takes again and again, in a thread of its
own.

Nothing else waits for it. What is due is claimed up to so many at a time (all workers together, and
three of one hook), and all of it is sent at once by one event loop; each attempt has a time by
which it is over. What comes of one is noted as it comes, whatever the others do, and then more is
claimed. The database is asked in threads; if it is away while something is noted, its lease runs
out, and it is sent again.
"""

import asyncio
import logging
from collections.abc import Callable

from django.conf import settings

from batchgen.db.clock import database_now
from batchgen.db.in_thread import in_thread
from runs.engine.rhythm import Rhythm
from runs.webhooks.bodies import late_body
from runs.webhooks.deliveries import (
    body_keep,
    deliveries_claim,
    delivery_note,
    delivery_unsendable,
    hook_switch_off,
)
from runs.webhooks.models import Delivery
from runs.webhooks.outbox import gates_tell
from runs.webhooks.sending import send
from runs.webhooks.signing import SecretLost, headers_of, secrets_of
from runs.webhooks.webhook_metrics import attempt_ended

log = logging.getLogger(__name__)

#: How often more is claimed while slow receivers are waited for.
_LOOK_S = 0.25
_GATES = Rhythm(1.0)
_GONE = "What it tells of was deleted before it was sent."
_LOST = (
    "Its secret is lost, as BATCHGEN_SECRET_KEY was changed. Make a new one, give that to the "
    "receiver, then switch the webhook on."
)


def deliver(is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Look at the gates, and send what is due until nothing is; how many attempts were made.

    Args:
        is_stopping: nothing more is to be claimed.

    Raises:
        django.db.Error: PostgreSQL is away.
    """
    first = _claim(settings.WEBHOOKS_AT_ONCE)
    return asyncio.run(_deliver(first, is_stopping)) if first else 0


def _claim(room: int) -> list[Delivery]:
    if _GATES.due():
        gates_tell()
    return deliveries_claim(room=room)


async def _deliver(claimed: list[Delivery], is_stopping: Callable[[], bool]) -> int:
    under_way: set[asyncio.Task[None]] = set()
    made = 0
    while claimed or under_way:
        under_way |= {asyncio.create_task(_attempt(delivery)) for delivery in claimed}
        done, under_way = await asyncio.wait(
            under_way, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED
        )
        made += len(done)
        room = settings.WEBHOOKS_AT_ONCE - len(under_way)
        claimed = await in_thread(_claim, room) if room and not is_stopping() else []
    return made


async def _attempt(delivery: Delivery) -> None:
    """One attempt. Whatever goes wrong is this delivery's alone."""
    try:
        body = delivery.body or await in_thread(_made, delivery)
        if body is None:
            await in_thread(delivery_unsendable, delivery, _GONE)
            return
        now = await in_thread(database_now)
        signing = secrets_of(delivery.hook, now=now)
        headers = headers_of(signing, message_id=delivery.message_id, at=now, body=body)
        answer = await send(delivery.hook.url, body, headers)
        await in_thread(delivery_note, delivery, answer)
        attempt_ended(delivered=not answer.error)
    except SecretLost:
        await in_thread(delivery_unsendable, delivery, _LOST)
        await in_thread(hook_switch_off, delivery.hook_id, reason=_LOST)
    except Exception:
        log.exception("delivery %s: it is tried again once its lease is over", delivery.message_id)


def _made(delivery: Delivery) -> str | None:
    body = late_body(delivery)
    if body is not None:
        body_keep(delivery, body)
    return body
