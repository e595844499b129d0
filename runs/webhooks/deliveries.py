"""How a delivery goes from PENDING to DELIVERED or FAILED. Each function is one transaction,
decided by the WHERE clause of an UPDATE; hooks are locked before deliveries.

- **claim**: a lease of some seconds and another attempt. The process dies before it sends, or after
  it has sent and before it notes: the lease runs out, and another process sends it (again), with
  the same `webhook-id`. So every message arrives at least once; receivers drop what they have by
  that id.
- **note**: DELIVERED by any attempt whose receiver said 2xx, even one whose lease was over; else
  the time of the next try, by the attempt that has the lease alone. The next try waits as long as
  it was tried for so far, give or take a half, at least seconds and at most an hour.
- **give up**: tried for 24 h, or the receiver says that it is gone (410): FAILED, and the hook is
  switched off with the reason, as what else waits for it would fare no better; that is FAILED too.
- **send again**: by a person, of one that is over: PENDING, tried anew for 24 h. Its place in the
  order is the old one, so what its run has waiting goes after it.

The order of a run: its first pending delivery is the only one that can be claimed, so nobody sends
the second while the first is tried. A process that slept through its lease may send an old one
late; by its id the receiver has it already.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import SystemRandom
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from batchgen.db.clock import database_now
from batchgen.db.sql import Queries
from batchgen.db.turns import turn
from batchgen.errors import InvalidTransition
from runs.webhooks.events import EventType
from runs.webhooks.models import Delivery, Webhook

log = logging.getLogger(__name__)

QUERIES = Queries(Path(__file__).with_name("queries.sql"))

#: How long a delivery is tried before its hook is switched off.
TRIED_FOR = timedelta(hours=24)
#: Deliveries of one hook that are sent at the same time.
OF_HOOK = 3
#: A lease is so much longer than sending may take.
_SPARE_S = 20.0
#: The advisory lock that a claim holds.
_LOCK = 7106
#: Between two tries.
_LEAST_WAIT_S, _MOST_WAIT_S = 5.0, 3600.0
_RANDOM = SystemRandom()
#: Rows that one statement of the clean-up deletes.
_AT_ONCE = 1_000
_SWITCHED_OFF = "The webhook was switched off. Switch it on and send this again."
_GONE = 410


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came of one attempt.

    Attributes:
        status: of HTTP; None: there was no answer.
        error: a sentence; empty: it was delivered.
    """

    status: int | None = None
    error: str = ""
    duration_ms: int = 0


def deliveries_claim(*, room: int) -> list[Delivery]:
    """Take up to so many that are due, with their hooks; none while another process claims."""
    params = {
        "room": room,
        "of_hook": OF_HOOK,
        "of_all": settings.WEBHOOKS_AT_ONCE,
        "lease_s": settings.WEBHOOK_TIMEOUT_S + _SPARE_S,
    }
    with turn(_LOCK) as mine, connection.cursor() as cursor:
        if not mine:
            return []
        cursor.execute(QUERIES["deliveries_claim"], params)
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return []
    return list(Delivery.objects.select_related("hook").filter(pk__in=ids).order_by("pk"))


def body_keep(delivery: Delivery, body: str) -> None:
    """Every attempt from here on sends the same bytes."""
    Delivery.objects.filter(pk=delivery.pk).update(body=body)


def delivery_note(delivery: Delivery, answer: Answer) -> None:
    """Write down what came of the attempt that this delivery was claimed for."""
    said = {
        "response_status": answer.status,
        "error": answer.error,
        "duration_ms": answer.duration_ms,
        "leased_until": None,
    }
    if not answer.error:
        rows = Delivery.objects.filter(pk=delivery.pk).exclude(status=Delivery.Status.DELIVERED)
        rows.update(status=Delivery.Status.DELIVERED, ended_at=Now(), **said)
        return
    mine = Delivery.objects.filter(
        pk=delivery.pk, status=Delivery.Status.PENDING, attempts=delivery.attempts
    )
    failed = {**said, "status": Delivery.Status.FAILED, "ended_at": Now()}
    if delivery.type == EventType.TEST:
        mine.update(**failed)
    elif reason := _hopeless(mine, answer):
        _give_up(delivery, mine, failed, reason)
    else:
        mine.update(**said, due_at=Now() + _wait(delivery))


def _hopeless(mine: "QuerySet[Delivery]", answer: Answer) -> str:
    """Why there is no use in another try; empty: there may be."""
    if answer.status == _GONE:
        return "The receiver answered 410: it wants no more."
    if mine.filter(first_tried_at__lte=Now() - TRIED_FOR).exists():
        return f"A delivery failed for 24 hours. The last attempt: {answer.error}"
    return ""


@transaction.atomic
def _give_up(
    delivery: Delivery, mine: "QuerySet[Delivery]", failed: dict[str, Any], reason: str
) -> None:
    hook_hold(delivery.hook_id)
    if mine.update(**failed):
        hook_switch_off(delivery.hook_id, reason=reason)


def _wait(delivery: Delivery) -> timedelta:
    tried_s = 0.0
    if delivery.first_tried_at:
        tried_s = (database_now() - delivery.first_tried_at).total_seconds()
    wait_s = min(_MOST_WAIT_S, max(_LEAST_WAIT_S, tried_s))
    return timedelta(seconds=wait_s * _RANDOM.uniform(0.5, 1.5))


def delivery_unsendable(delivery: Delivery, error: str) -> None:
    """There is nothing to send: it fails, and its hook goes on."""
    Delivery.objects.filter(
        pk=delivery.pk, status=Delivery.Status.PENDING, attempts=delivery.attempts
    ).update(status=Delivery.Status.FAILED, ended_at=Now(), leased_until=None, error=error)


def hook_hold(hook_id: UUID) -> None:
    """Lock the hook's row, which comes before its deliveries' everywhere."""
    list(Webhook.objects.select_for_update(no_key=True).filter(pk=hook_id).values_list("pk"))


@transaction.atomic
def hook_switch_off(hook_id: UUID, *, reason: str) -> None:
    """Switch the hook off, for a reason that its owner reads, and give up what waits for it."""
    off = Webhook.objects.filter(pk=hook_id, active=True)
    if off.update(active=False, off_reason=reason[:300], off_at=Now(), version=F("version") + 1):
        log.warning("webhook %s was switched off: %s", hook_id, reason)
    waiting_give_up(hook_id)


def waiting_give_up(hook_id: UUID) -> None:
    """Let what waits for a hook that is off fail. The caller holds the hook's row."""
    waiting = Delivery.objects.filter(hook=hook_id, status=Delivery.Status.PENDING)
    waiting.exclude(type=EventType.TEST).update(
        status=Delivery.Status.FAILED, ended_at=Now(), leased_until=None, error=_SWITCHED_OFF
    )


def delivery_resend(delivery: Delivery) -> None:
    """Have one that is over sent again.

    Raises:
        InvalidTransition: it is not over, or its hook is off.
    """
    with transaction.atomic():
        hook_hold(delivery.hook_id)
        if delivery.type != EventType.TEST and not _is_on(delivery.hook_id):
            raise InvalidTransition("The webhook is off. Switch it on, then send this again.")
        over = Delivery.objects.filter(pk=delivery.pk).exclude(status=Delivery.Status.PENDING)
        again = {"first_tried_at": None, "ended_at": None, "error": "", "response_status": None}
        if not over.update(status=Delivery.Status.PENDING, due_at=Now(), **again):
            raise InvalidTransition("This delivery is not over: it is being tried.")


def _is_on(hook_id: UUID) -> bool:
    return Webhook.objects.filter(pk=hook_id, active=True).exists()


def deliveries_expire() -> int:
    """Delete what happened longer ago than deliveries are kept, batch by batch; how many."""
    return sum(iter(_expire_some, 0))


def _expire_some() -> int:
    with transaction.atomic():
        old = Delivery.objects.select_for_update(skip_locked=True).order_by("at")
        over = old.filter(at__lt=Now() - timedelta(seconds=settings.WEBHOOK_KEEP_S))
        ids = list(over.values_list("pk", flat=True)[:_AT_ONCE])
        return Delivery.objects.filter(pk__in=ids).delete()[0] if ids else 0
