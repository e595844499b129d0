"""Reads of webhooks and of what was delivered to them."""

from typing import Any
from uuid import UUID

from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from batchgen.db.compiled_query import CompiledRows
from batchgen.errors import NotFound
from epics.access import Role, Somebody, project_require, role_now
from runs.webhooks.models import Delivery, Webhook

_PENDING = Q(status=Delivery.Status.PENDING)


def webhooks_of(*, project_id: UUID) -> CompiledRows[Webhook]:
    """The project's webhooks with figures."""
    return CompiledRows(_of_project, project_id=project_id)


def webhook_for(*, user: Somebody, hook_id: UUID) -> Webhook:
    """The webhook, with its project, where the user owns that.

    Raises:
        NotFound, Forbidden: as `epics.access.project_require`.
    """
    hook = CompiledRows(_with_project, hook_id=hook_id).first()
    if hook is None:
        raise NotFound
    project_require(user=user, project=hook.project, role=Role.OWNER)
    return hook


def webhook_role_now(*, user: Somebody, webhook_id: UUID, **_: UUID) -> None:
    """Return where the user owns the webhook's project; who is taking that away is waited for.

    Raises:
        NotFound, Forbidden: as `epics.access.project_require`.
    """
    hook = webhook_for(user=user, hook_id=webhook_id)
    role_now(user=user, project_id=hook.project_id, role=Role.OWNER)


def webhook_read(*, hook_id: UUID) -> Webhook:
    """The webhook with figures.

    Raises:
        NotFound: it is gone.
    """
    hook = CompiledRows(_alone, hook_id=hook_id).first()
    if hook is None:
        raise NotFound
    return hook


def deliveries_of(*, hook: Webhook, status: str | None = None) -> CompiledRows[Delivery]:
    """What was, or is to be, delivered to it, without the bodies."""
    return CompiledRows(_deliveries, hook_id=hook.pk, status=status)


def delivery_for(*, hook: Webhook, message_id: UUID) -> Delivery:
    """One delivery of the hook.

    Raises:
        NotFound: it has no such.
    """
    delivery = Delivery.objects.filter(hook=hook, message_id=message_id).first()
    if delivery is None:
        raise NotFound
    return delivery


def hooks_in_trouble(*, most: int) -> "list[Webhook]":
    """Those that batchgen switched off, or whose deliveries fail now, with figures and projects."""
    hooks: QuerySet[Any] = _with_figures(Webhook.objects.select_related("project"))
    found = hooks.filter(~Q(off_reason="") | Q(failing_since__isnull=False))
    return list(found.order_by("failing_since", "-off_at")[:most])


def deliveries_failed(*, most: int) -> "list[Delivery]":
    """The last ones that were given up, with their hooks and projects."""
    failed = Delivery.objects.filter(status=Delivery.Status.FAILED).order_by("-id")
    return list(failed.select_related("hook__project").defer("body")[:most])


def _with_figures(hooks: "QuerySet[Webhook]") -> "QuerySet[Webhook]":
    """Each with `pending`, and `failing_since`: the first try of what was tried and still waits."""
    waiting = Delivery.objects.filter(_PENDING, hook=OuterRef("pk")).order_by().values("hook")
    failing = waiting.exclude(error="").annotate(since=Min("first_tried_at"))
    return hooks.annotate(
        pending=Coalesce(Subquery(waiting.annotate(n=Count("pk")).values("n")), 0),
        failing_since=Subquery(failing.values("since")),
    )


def _of_project(*, project_id: UUID) -> "QuerySet[Webhook]":
    return _with_figures(Webhook.objects.order_by().filter(project=project_id))


def _with_project(*, hook_id: UUID) -> "QuerySet[Webhook]":
    return Webhook.objects.select_related("project").filter(pk=hook_id)


def _alone(*, hook_id: UUID) -> "QuerySet[Webhook]":
    return _with_figures(Webhook.objects.filter(pk=hook_id))


def _deliveries(*, hook_id: UUID, status: str | None) -> "QuerySet[Delivery]":
    found = Delivery.objects.order_by().filter(hook=hook_id).defer("body")
    return found.filter(status=status) if status else found
