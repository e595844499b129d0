"""Webhooks in the admin, to be looked at: owners change them. Nothing of a secret is shown."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from epics.admin.read_only import ReadOnlyAdmin
from runs.webhooks.models import Delivery, Webhook


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ("id", "project", "url", "active", "off_reason", "created_at")
    list_filter = ("active",)
    list_select_related = ("project",)
    search_fields = ("=id", "url", "project__name")
    fields = ("project", "url", "events", "active", "off_reason", "off_at", "created_at")
    ordering = ("-created_at",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("message_id", "type", "at", "status", "attempts", "response_status", "error")
    list_filter = ("status", "type")
    search_fields = ("=message_id", "=run_id", "=hook__id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).defer("body")
