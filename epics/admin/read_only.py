"""Base class of read-only admin pages."""

from django.db.models import Model
from django.http import HttpRequest

from epics.admin.backlog import ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    """Lists and pages without a way to change anything."""

    # Counting a big table costs more than the page.
    show_full_result_count = False
    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
