"""What owners do to webhooks. Each service is one transaction; whoever calls holds the right.

A secret is returned by what makes it, and by nothing else.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from batchgen.db.clock import database_now
from batchgen.db.ids import new_id
from batchgen.errors import InvalidTransition, NotFound
from epics.quotas import Quota
from epics.writes import claim_version, project_lock
from runs.webhooks.deliveries import hook_hold, waiting_give_up
from runs.webhooks.events import EventType, body_text, in_order
from runs.webhooks.models import Delivery, Webhook
from runs.webhooks.signing import secret_make

_QUOTA = Quota(what="webhooks of this project", setting="PROJECT_WEBHOOKS")
_TEST = "test"


@transaction.atomic
def webhook_create(
    *, project_id: UUID, url: str, events: Sequence[str], active: bool = True
) -> Webhook:
    """A new webhook; `signing.secret_of` has its secret.

    Raises:
        NotFound: there is no such project any more.
        QuotaReached: the project has as many as it may have.
    """
    project_lock(project_id)
    _QUOTA.check(used=Webhook.objects.filter(project=project_id).count(), more=1)
    hook_id = new_id()
    salt, mark = secret_make(hook_id)
    made = Webhook.objects.create(
        id=hook_id,
        project_id=project_id,
        url=url,
        events=in_order(events),
        active=active,
        secret_salt=salt,
        secret_mark=mark,
    )
    made.refresh_from_db()
    return made


@transaction.atomic
def webhook_change(*, hook_id: UUID, changes: dict[str, Any], version: int | None = None) -> None:
    """Change where it goes, what it is told of, or whether it is on. What waits goes to the new
    address; switched off, what waits is given up.

    Raises:
        VersionConflict, NotFound: as `epics.writes.claim_version`.
    """
    hook = claim_version(Webhook, hook_id, version)
    wanted = dict(changes)
    active = wanted.pop("active", hook.active)
    if "events" in wanted:
        wanted["events"] = in_order(wanted["events"])
    if active != hook.active:
        wanted |= {"active": active, "off_reason": "", "off_at": None}
    if wanted:
        Webhook.objects.filter(pk=hook_id).update(**wanted)
    if not active:
        waiting_give_up(hook_id)


@transaction.atomic
def webhook_delete(*, hook_id: UUID) -> None:
    """Delete it with its deliveries."""
    hook_hold(hook_id)
    Webhook.objects.filter(pk=hook_id).delete()


@transaction.atomic
def secret_rotate(*, hook_id: UUID) -> None:
    """Make a new secret; the old one signs beside it for a day.

    Raises:
        NotFound: it is gone.
    """
    hook_hold(hook_id)
    salt, mark = secret_make(hook_id)
    if not Webhook.objects.filter(pk=hook_id).update(
        old_secret_salt=F("secret_salt"),
        old_secret_mark=F("secret_mark"),
        secret_salt=salt,
        secret_mark=mark,
        rotated_at=Now(),
        version=F("version") + 1,
    ):
        raise NotFound


def webhook_test(*, hook: Webhook, data: dict[str, Any]) -> Delivery:
    """Have a test sent, once, whether the hook is on or off.

    Args:
        data: of the body: the hook as the API shows it.

    Raises:
        InvalidTransition: one is under way.
    """
    at = database_now()
    with transaction.atomic():
        hook_hold(hook.pk)
        waiting = Delivery.objects.filter(hook=hook, status=Delivery.Status.PENDING)
        if waiting.filter(ordering_key=_TEST).exists():
            raise InvalidTransition("A test of this webhook is under way; wait for its end.")
        made = Delivery.objects.create(
            hook=hook,
            type=EventType.TEST,
            at=at,
            ordering_key=_TEST,
            body=body_text(EventType.TEST, at=at, data=data),
        )
        made.refresh_from_db()
    return made
