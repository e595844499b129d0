"""Members, and the users that they are, in Django's admin: a project keeps an owner who can act."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm as DjangoUserChangeForm
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from epics.members import owner_missed
from epics.models import Membership

if TYPE_CHECKING:  # Django's classes take their types in the stubs alone
    ModelAdmin = admin.ModelAdmin[Any]
    StackedInline = admin.StackedInline[Any, Any]
    ModelForm = forms.ModelForm[Any]
    InlineFormSet = forms.BaseInlineFormSet[Any, Any, Any]
    UserChangeForm = DjangoUserChangeForm[User]
    BaseUserAdmin = DjangoUserAdmin[User]
else:
    ModelAdmin, StackedInline = admin.ModelAdmin, admin.StackedInline
    ModelForm, InlineFormSet = forms.ModelForm, forms.BaseInlineFormSet
    UserChangeForm, BaseUserAdmin = DjangoUserChangeForm, DjangoUserAdmin

_OWNER = Membership.Role.OWNER


def _refuse(leaving: "QuerySet[Membership]", field: str | None = None) -> None:
    """Check that each project keeps an owner when these members leave.

    Raises:
        ValidationError: some would be left without one.
    """
    if message := owner_missed(leaving):
        raise forms.ValidationError({field: message} if field else message)


class KeepsAnOwner(ModelAdmin):
    """Deletes nothing that leaves a project without an owner. Subclasses say what would leave."""

    def leaving(self, objs: Any) -> "QuerySet[Membership]":
        """The memberships that go with these."""
        raise NotImplementedError

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        shown, counts, lacking, protected = super().get_deleted_objects(objs, request)
        with transaction.atomic():
            message = owner_missed(self.leaving(objs))
        return shown, counts, lacking, [*protected, *([message] if message else [])]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._delete(request, [obj], lambda: super(KeepsAnOwner, self).delete_model(request, obj))

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        self._delete(
            request,
            queryset,
            lambda: super(KeepsAnOwner, self).delete_queryset(request, queryset),
        )

    def _delete(self, request: HttpRequest, objs: Any, delete: Any) -> None:
        """Look again under the lock: the page that asked is some time ago."""
        with transaction.atomic():
            if message := owner_missed(self.leaving(objs)):
                messages.error(request, message)
            else:
                delete()


class MembershipForm(ModelForm):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        stays_owner = cleaned.get("role") == _OWNER and not cleaned.get("invited")
        if self.instance.pk and not self.instance._state.adding and not stays_owner:
            _refuse(Membership.objects.filter(pk=self.instance.pk), "role")
        return cleaned


class MembershipFormSet(InlineFormSet):
    def clean(self) -> None:
        super().clean()
        if self.instance._state.adding:
            return  # its creator becomes an owner
        after = [getattr(form, "cleaned_data", {}) for form in self.forms]
        if not any(_can_act(row) for row in after):
            _refuse(Membership.objects.filter(project=self.instance))


def _can_act(row: Mapping[str, Any]) -> bool:
    """Whether a row of the form is an owner that a project can be left to."""
    owner = row.get("role") == _OWNER and not row.get("invited") and not row.get("DELETE")
    return owner and "user" in row and row["user"].is_active


# A table's cells have no labels of their own, as a row's search by key would need.
class MembershipInline(StackedInline):
    model = Membership
    formset = MembershipFormSet
    raw_id_fields = ("user",)
    extra = 0


@admin.register(Membership)
class MembershipAdmin(KeepsAnOwner):
    form = MembershipForm
    list_display = ("user", "project", "role", "invited")
    list_filter = ("role", "invited")
    list_select_related = ("user", "project")
    search_fields = ("user__username", "project__name")
    raw_id_fields = ("user", "project")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Membership | None = None
    ) -> tuple[str, ...]:
        # Another user or project is another membership.
        return ("user", "project") if obj else ()

    def leaving(self, objs: Any) -> "QuerySet[Membership]":
        return Membership.objects.filter(pk__in=[member.pk for member in objs])


class UserForm(UserChangeForm):
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("is_active") is False:
            _refuse(Membership.objects.filter(user=self.instance), "is_active")
        return cleaned


admin.site.unregister(User)


@admin.register(User)
class UserAdmin(KeepsAnOwner, BaseUserAdmin):
    form = UserForm

    def leaving(self, objs: Any) -> "QuerySet[Membership]":
        return Membership.objects.filter(user__in=[user.pk for user in objs])
