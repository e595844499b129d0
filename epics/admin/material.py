"""Uploads, subtasks and what was changed, in Django's admin: to look at."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from epics.admin.cells import ago_cell, id_cell
from epics.admin.read_only import ReadOnlyAdmin
from epics.models import ContentChange, Subtask, Upload


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    list_display = ("name", "project", "media_type", "bytes", "status", ago_cell("created_at"))
    list_filter = ("status",)
    list_select_related = ("project",)
    search_fields = ("name", "=id", "=project__id")
    exclude = ("text",)


@admin.register(Subtask)
class SubtaskAdmin(ReadOnlyAdmin):
    list_display = ("code", "title", "kind", "effort_hours", "project", "review_status")
    list_filter = ("kind", "review_status")
    list_select_related = ("project",)
    search_fields = ("code", "title", "=id", "=run_id", "=project__id")


@admin.register(ContentChange)
class ContentChangeAdmin(ReadOnlyAdmin):
    list_display = (ago_cell("at"), "kind", "code", "change", "user", id_cell("run_id"), "project")
    list_filter = ("kind", "change")
    list_select_related = ("user", "project")
    search_fields = ("=code", "=run_id", "=parent_id", "=project__id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContentChange]:
        return super().get_queryset(request).exclude(change=ContentChange.Change.SAME)
