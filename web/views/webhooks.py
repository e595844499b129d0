"""A project's webhooks, for its owners: to add one, to see what was delivered, to send it again."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from batchgen.api.operations import valid
from batchgen.api.output import shown
from batchgen.errors import BatchgenError, ValidationFailed
from epics.access import Role, project_for, role_held
from epics.models import Project
from runs.webhooks import services
from runs.webhooks.addresses import URL_CHARS
from runs.webhooks.api.webhook_json import WebhookInput, WebhookOutput, WebhookPatch
from runs.webhooks.deliveries import delivery_resend
from runs.webhooks.events import EVENTS
from runs.webhooks.models import Delivery, Webhook
from runs.webhooks.selectors import (
    deliveries_of,
    delivery_for,
    webhook_for,
    webhook_read,
    webhooks_of,
)
from runs.webhooks.signing import secret_of
from web.forms import REFUSALS, Rows, form_refused
from web.page import next_of, page, show, told

_STATUSES = [status.value for status in Delivery.Status]


def webhooks_tab(request: HttpRequest, project: Project) -> dict[str, Any]:
    """The project's webhooks, where the user owns it: an address may be a secret."""
    try:
        project_for(user=request.user, project_id=project.pk, role=Role.OWNER)
    except BatchgenError as error:
        return {"why_not": error.message}
    hooks = webhooks_of(project_id=project.pk)
    return {"rows": Rows(request, hooks, keys=("created_at", "id"))}


@page("GET", "POST")
def webhook_new(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """A new webhook; its secret is on the page that follows, and on no other."""
    project = project_for(user=request.user, project_id=project_id, role=Role.OWNER)
    values = {"url": "", "events": [event.value for event in EVENTS]}
    if request.method == "POST":
        values = _typed(request.POST)
    context = {"project": project, **_form(values)}
    if request.method != "POST":
        return show(request, "webhook_new.html", context)
    try:
        asked = valid(WebhookInput, values)
        with role_held(user=request.user, project_id=project_id, role=Role.OWNER):
            hook = services.webhook_create(project_id=project_id, **asked)
    except REFUSALS as error:
        return form_refused(request, error, "webhook_new.html", context)
    return _secret_page(request, hook.pk)


@page("GET", "POST")
def webhook(request: HttpRequest, webhook_id: UUID) -> HttpResponse:
    """What it is, what was delivered, and what its owner does to it."""
    hook = webhook_for(user=request.user, hook_id=webhook_id)
    if request.method != "POST":
        return show(request, "webhook.html", _context(request, hook, {}))
    action = request.POST.get("action", "")
    if action not in _ACTIONS:
        raise ValidationFailed("Choose what is to be done.")
    try:
        with role_held(user=request.user, project_id=hook.project_id, role=Role.OWNER):
            done = _ACTIONS[action](hook, request.POST)
    except REFUSALS as error:
        values = _typed(request.POST) if action == "save" else {}
        return form_refused(request, error, "webhook.html", _context(request, hook, values))
    if action == "secret":
        return _secret_page(request, webhook_id)
    messages.success(request, done)
    if action == "delete":
        return redirect(f"{reverse('web:project', args=[hook.project_id])}?tab=webhooks")
    return redirect("web:webhook", webhook_id=webhook_id)


@page("POST")
def resend(request: HttpRequest, webhook_id: UUID, delivery_id: UUID) -> HttpResponse:
    """Send a delivery again."""
    hook = webhook_for(user=request.user, hook_id=webhook_id)
    delivery = delivery_for(hook=hook, message_id=delivery_id)
    back = next_of(request, reverse("web:webhook", args=[webhook_id]))
    try:
        with role_held(user=request.user, project_id=hook.project_id, role=Role.OWNER):
            delivery_resend(delivery)
    except BatchgenError as error:
        return told(request, error, back)
    messages.success(request, "It will be sent again in a moment.")
    return redirect(back)


def _context(request: HttpRequest, hook: Webhook, values: dict[str, Any]) -> dict[str, Any]:
    status = request.GET.get("status", "")
    status = status if status in _STATUSES else ""
    found = deliveries_of(hook=hook, status=status)
    return {
        "hook": webhook_read(hook_id=hook.pk),
        "project": hook.project,
        "rows": Rows(request, found, keys=("-id",)),
        "status": status,
        "statuses": _STATUSES,
        **_form(values or {"url": hook.url, "events": hook.events}),
    }


def _form(values: dict[str, Any]) -> dict[str, Any]:
    return {"values": values, "events": EVENTS, "url_chars": URL_CHARS}


def _typed(form: QueryDict) -> dict[str, Any]:
    return {"url": form.get("url", "").strip(), "events": form.getlist("events")}


def _secret_page(request: HttpRequest, hook_id: UUID) -> HttpResponse:
    hook = webhook_read(hook_id=hook_id)
    return show(request, "webhook_secret.html", {"hook": hook, "secret": secret_of(hook)})


def _save(hook: Webhook, form: QueryDict) -> str:
    services.webhook_change(hook_id=hook.pk, changes=valid(WebhookPatch, _typed(form)))
    return "The webhook is changed."


def _switch(*, active: bool) -> Callable[[Webhook, QueryDict], str]:
    def switch(hook: Webhook, form: QueryDict) -> str:
        services.webhook_change(hook_id=hook.pk, changes={"active": active})
        return f"The webhook is {'on' if active else 'off'}."

    return switch


def _test(hook: Webhook, form: QueryDict) -> str:
    data = shown(WebhookOutput, webhook_read(hook_id=hook.pk))
    services.webhook_test(hook=hook, data=data)
    return "A test is on its way: it stands first among the deliveries."


def _secret(hook: Webhook, form: QueryDict) -> str:
    services.secret_rotate(hook_id=hook.pk)
    return ""


def _delete(hook: Webhook, form: QueryDict) -> str:
    services.webhook_delete(hook_id=hook.pk)
    return "The webhook is deleted."


#: {action: what does it, and says what was done}.
_ACTIONS: dict[str, Callable[[Webhook, QueryDict], str]] = {
    "save": _save,
    "on": _switch(active=True),
    "off": _switch(active=False),
    "test": _test,
    "secret": _secret,
    "delete": _delete,
}
