"""The JSON of webhooks and deliveries, in and out."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from rest_framework import serializers

from batchgen.api.inputs import Flag, ListOf, PlainText, QuerySerializer, StrictSerializer
from epics.api.versions import VersionInput
from runs.webhooks.addresses import URL_CHARS, place_allowed
from runs.webhooks.events import EVENTS, EventType
from runs.webhooks.models import Delivery, Webhook

_EVENTS = [(event.value, event.label) for event in EVENTS]


class WebhookOutput(serializers.ModelSerializer[Webhook]):
    projectId = serializers.UUIDField(source="project_id")
    events = serializers.ListField(child=serializers.ChoiceField(_EVENTS))
    offReason = serializers.CharField(
        source="off_reason", help_text="Why batchgen switched it off; empty: it did not."
    )
    offAt = serializers.DateTimeField(source="off_at", allow_null=True)
    pending = serializers.IntegerField(help_text="Deliveries that wait, or are tried again.")
    failingSince = serializers.DateTimeField(
        source="failing_since",
        allow_null=True,
        help_text="Since when a delivery that waits is tried in vain; null: none is.",
    )
    createdAt = serializers.DateTimeField(source="created_at")

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = (
            *("id", "projectId", "url", "events", "active", "offReason", "offAt", "pending"),
            *("failingSince", "createdAt", "version"),
        )
        read_only_fields = fields


class WebhookSecretOutput(WebhookOutput):
    secret = serializers.CharField(
        allow_null=True,
        help_text=(
            "`whsec_…`, shown here and nowhere else. Null in a repeated answer (`Idempotency-Key`) "
            "once a new one was made."
        ),
    )

    class Meta(WebhookOutput.Meta):
        fields = (*WebhookOutput.Meta.fields, "secret")
        read_only_fields = fields


class DeliveryOutput(serializers.ModelSerializer[Delivery]):
    deliveryId = serializers.UUIDField(
        source="message_id", help_text="The header `webhook-id`, the same whenever it is sent."
    )
    type = serializers.ChoiceField(EventType.choices)
    runId = serializers.UUIDField(source="run_id", allow_null=True)
    itemId = serializers.UUIDField(source="item_id", allow_null=True)
    status = serializers.ChoiceField(
        Delivery.Status.choices,
        help_text="`PENDING`: it is sent, waits for an earlier one of its run, or is tried again.",
    )
    nextAttemptAt = serializers.DateTimeField(
        source="due_at", help_text="Of one that is pending: not before."
    )
    responseStatus = serializers.IntegerField(
        source="response_status", allow_null=True, help_text="What the last attempt was answered."
    )
    error = serializers.CharField(help_text="Of the last attempt; empty: none.")
    durationMs = serializers.IntegerField(source="duration_ms", allow_null=True)
    endedAt = serializers.DateTimeField(source="ended_at", allow_null=True)

    class Meta:
        model = Delivery
        fields = (
            *("deliveryId", "type", "at", "runId", "itemId", "status", "attempts"),
            *("nextAttemptAt", "responseStatus", "error", "durationMs", "endedAt"),
        )
        read_only_fields = fields


class HookUrl(PlainText):
    """Where a webhook may go."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=URL_CHARS, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        url = super().to_internal_value(data)
        try:
            place_allowed(url)
        except ValueError as refused:
            raise serializers.ValidationError(str(refused)) from None
        return url


class WebhookInput(StrictSerializer):
    url = HookUrl(
        help_text=(
            "https, a public address, and port 80, 443, 8080 or 8443, unless the server allows "
            "more. Without user and password."
        )
    )
    events = ListOf(
        child=serializers.ChoiceField(_EVENTS),
        min_length=1,
        max_length=len(EVENTS),
        help_text="Of gates all of the server's are told.",
    )
    active = Flag(default=True)

    answered = WebhookSecretOutput.Meta.fields


class WebhookPatch(VersionInput):
    url = HookUrl()
    events = ListOf(child=serializers.ChoiceField(_EVENTS), min_length=1, max_length=len(EVENTS))
    active = Flag(help_text="false: what waits is given up. true: from now on it is told.")

    answered = WebhookSecretOutput.Meta.fields


class DeliveriesQuery(QuerySerializer):
    status = serializers.ChoiceField(Delivery.Status.choices, required=False)
