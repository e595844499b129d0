"""Webhooks over REST: for a project's owners alone, as their addresses are secrets, too."""

from functools import partial
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.inputs import NothingInput
from batchgen.api.operations import operation, page_response, query_of, valid
from batchgen.api.output import shown
from batchgen.errors import Forbidden, InvalidTransition, QuotaReached, VersionConflict
from epics.access import Role, project_for, role_held, role_now
from epics.api.versions import patch_of
from runs.webhooks import services
from runs.webhooks.api.webhook_json import (
    DeliveriesQuery,
    DeliveryOutput,
    WebhookInput,
    WebhookOutput,
    WebhookPatch,
    WebhookSecretOutput,
)
from runs.webhooks.deliveries import delivery_resend
from runs.webhooks.models import Webhook
from runs.webhooks.selectors import (
    deliveries_of,
    delivery_for,
    webhook_for,
    webhook_read,
    webhook_role_now,
    webhooks_of,
)
from runs.webhooks.signing import secret_of

_TAG = "webhooks"


class SecretResponse(Response):
    """An answer with a secret. What is kept of it for a repetition has none; see `replayed`."""

    def __init__(self, hook: Webhook, *, status: int) -> None:
        without = shown(WebhookOutput, webhook_read(hook_id=hook.pk))
        super().__init__({**without, "secret": secret_of(hook)}, status=status)
        self.kept = {**without, "secret": None}


class ProjectWebhooksView(APIView):
    @operation(
        "webhookList",
        "List a project's webhooks",
        tag=_TAG,
        response=WebhookOutput,
        page=True,
        errors=[Forbidden],
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        project_for(user=request.user, project_id=project_id, role=Role.OWNER)
        query_of(request)
        found = webhooks_of(project_id=project_id)
        return page_response(request, found, keys=("created_at", "id"), serializer=WebhookOutput)

    @operation(
        "webhookCreate",
        "Add a webhook",
        tag=_TAG,
        request=WebhookInput,
        response=WebhookSecretOutput,
        status=201,
        creates=partial(role_now, role=Role.OWNER),
        errors=[QuotaReached],
        description=(
            "Each event is POSTed to it as `{type, timestamp, data}`, where `data` is the object "
            "that this API answers with: a run, an item, a model's limits. The headers are those "
            "of Standard Webhooks, and `secret` signs. At least once, in order per run; what is "
            "not answered with 2xx is tried again for 24 hours, and then the webhook is switched "
            "off. Redirects are not followed."
        ),
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        project_for(user=request.user, project_id=project_id, role=Role.OWNER)
        asked = valid(WebhookInput, request.data)
        with role_held(user=request.user, project_id=project_id, role=Role.OWNER):
            hook = services.webhook_create(project_id=project_id, **asked)
        return SecretResponse(hook, status=201)

    def replayed(self, data: dict[str, Any]) -> dict[str, Any]:
        """A kept answer with its secret, which is kept nowhere, while that is the hook's still."""
        hook = Webhook.objects.filter(pk=data["id"], rotated_at=None).first()
        return {**data, "secret": secret_of(hook) if hook else None}


class WebhookView(APIView):
    @operation(
        "webhookRead", "Read a webhook", tag=_TAG, response=WebhookOutput, errors=[Forbidden]
    )
    def get(self, request: Request, webhook_id: UUID) -> Response:
        webhook_for(user=request.user, hook_id=webhook_id)
        return Response(shown(WebhookOutput, webhook_read(hook_id=webhook_id)))

    @operation(
        "webhookUpdate",
        "Change a webhook, or switch it on or off",
        tag=_TAG,
        request=WebhookPatch,
        response=WebhookOutput,
        errors=[VersionConflict],
    )
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        hook = webhook_for(user=request.user, hook_id=webhook_id)
        changes, version = patch_of(WebhookPatch, request)
        with role_held(user=request.user, project_id=hook.project_id, role=Role.OWNER):
            services.webhook_change(hook_id=webhook_id, changes=changes, version=version)
        return Response(shown(WebhookOutput, webhook_read(hook_id=webhook_id)))

    @operation("webhookDelete", "Delete a webhook", tag=_TAG, status=204)
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        hook = webhook_for(user=request.user, hook_id=webhook_id)
        with role_held(user=request.user, project_id=hook.project_id, role=Role.OWNER):
            services.webhook_delete(hook_id=webhook_id)
        return Response(status=204)


class WebhookSecretView(APIView):
    @operation(
        "webhookSecretRotate",
        "Make a new secret",
        tag=_TAG,
        request=NothingInput,
        response=WebhookSecretOutput,
        description="For 24 hours the old one signs beside it: `webhook-signature` has both.",
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        hook = webhook_for(user=request.user, hook_id=webhook_id)
        valid(NothingInput, request.data)
        with role_held(user=request.user, project_id=hook.project_id, role=Role.OWNER):
            services.secret_rotate(hook_id=webhook_id)
        return SecretResponse(webhook_read(hook_id=webhook_id), status=200)


class WebhookTestView(APIView):
    @operation(
        "webhookTest",
        "Send a test",
        tag=_TAG,
        request=NothingInput,
        response=DeliveryOutput,
        status=202,
        creates=webhook_role_now,
        errors=[InvalidTransition],
        description=(
            "A `webhook.test` with the webhook as its data, sent once, on or off. What came of it "
            "stands among the deliveries within seconds."
        ),
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        hook = webhook_for(user=request.user, hook_id=webhook_id)
        valid(NothingInput, request.data)
        data = shown(WebhookOutput, webhook_read(hook_id=webhook_id))
        with role_held(user=request.user, project_id=hook.project_id, role=Role.OWNER):
            made = services.webhook_test(hook=hook, data=data)
        return Response(shown(DeliveryOutput, made), status=202)


class WebhookDeliveriesView(APIView):
    @operation(
        "webhookDeliveryList",
        "List what was sent, the latest first",
        tag=_TAG,
        query=[DeliveriesQuery],
        response=DeliveryOutput,
        page=True,
        errors=[Forbidden],
        description="They are kept for a week (BATCHGEN_WEBHOOK_KEEP_S).",
    )
    def get(self, request: Request, webhook_id: UUID) -> Response:
        hook = webhook_for(user=request.user, hook_id=webhook_id)
        query = query_of(request, DeliveriesQuery)
        found = deliveries_of(hook=hook, status=query.get("status"))
        return page_response(request, found, keys=("-id",), serializer=DeliveryOutput)


class DeliveryResendView(APIView):
    @operation(
        "webhookDeliveryResend",
        "Send a delivery again",
        tag=_TAG,
        request=NothingInput,
        response=DeliveryOutput,
        status=202,
        creates=webhook_role_now,
        errors=[InvalidTransition],
        description=(
            "The same body with the same `webhook-id`, tried anew for 24 hours. 409 where it is "
            "being tried, or the webhook is off."
        ),
    )
    def post(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
        hook = webhook_for(user=request.user, hook_id=webhook_id)
        valid(NothingInput, request.data)
        delivery = delivery_for(hook=hook, message_id=delivery_id)
        with role_held(user=request.user, project_id=hook.project_id, role=Role.OWNER):
            delivery_resend(delivery)
        delivery.refresh_from_db()
        return Response(shown(DeliveryOutput, delivery), status=202)
