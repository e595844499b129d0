"""The admin's sign-in form, API tokens, and models that it does not show."""

from importlib import import_module
from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from batchgen.accounts.api_tokens import token_revoke
from batchgen.accounts.login_throttle import AdminSignInForm
from batchgen.models import ApiToken

if TYPE_CHECKING:  # Django's own class takes no parameter
    ModelAdmin = admin.ModelAdmin[ApiToken]
else:
    ModelAdmin = admin.ModelAdmin

admin.site.login_form = AdminSignInForm
# The library shows whole tokens; it is asked to before it is told not to.
import_module("rest_framework_simplejwt.token_blacklist.admin")
admin.site.unregister([BlacklistedToken, OutstandingToken])


@admin.register(ApiToken)
class ApiTokenAdmin(ModelAdmin):
    """To be looked at, and deleted: that revokes a token. What it reads is nowhere."""

    list_display = ("name", "user", "write", "contents", "created_at", "last_used_at", "expires_at")
    list_select_related = ("user",)
    search_fields = ("=id", "name", "user__username")
    fields = ("id", "name", "user", "write", "contents", "created_at", "last_used_at", "expires_at")
    ordering = ("-created_at",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only its user makes one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """No scope is changed: make another token."""
        return False

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        """As its user would."""
        token_revoke(user=obj.user, token_id=obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Each as its user would."""
        for token in queryset.select_related("user"):
            self.delete_model(request, token)
