"""Pages in Django's admin: to find and to look at. They are changed over the API, whose services
know what follows from it."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from content.pages.models import Page
from content.pages.services import page_delete

if TYPE_CHECKING:  # Django's classes take their types in the stubs alone
    ModelAdmin = admin.ModelAdmin[Page]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(Page)
class PageAdmin(ModelAdmin):
    list_display = (
        "code",
        "title",
        "url",
        "page_type",
        "project",
        "content_status",
        "quality_score",
        "review_status",
    )
    list_filter = (
        "page_type",
        "content_status",
        "review_status",
        ("project", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("project",)
    search_fields = ("code", "title", "url", "=id", "=run_id")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Page | None = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # Runs are told of each page that goes; see delete_model.
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def delete_model(self, request: HttpRequest, obj: Page) -> None:
        page_delete(page_id=obj.pk, user=request.user if request.user.is_authenticated else None)
