"""Gates in the admin: what is closed, who did it, and a way to close and to open one."""

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from batchgen.db.clock import database_now
from batchgen.errors import BatchgenError
from epics.admin.cells import ago_cell
from epics.admin.read_only import ReadOnlyAdmin
from limiter.keys import CLOSED_MOST_S
from providers.registry import pool_shown
from runs.closures import closures_of_accounts
from runs.gates import gate_close, gate_of, gate_open, models_known
from runs.models import Closure, GateAction

if TYPE_CHECKING:  # only a stub takes the type of the model
    ModelForm = forms.ModelForm[Closure]
else:
    ModelForm = forms.ModelForm


class ClosingForm(ModelForm):
    """A gate to close."""

    model = forms.ChoiceField()

    class Meta:
        model = Closure
        fields = ("model", "until", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = self.fields["model"]
        assert isinstance(choices, forms.ChoiceField)  # noqa: S101 - tells mypy so
        choices.choices = [(name, name) for name in models_known()]

    def clean_until(self) -> datetime:
        until: datetime = self.cleaned_data["until"]
        now = database_now()
        if not now < until <= now + timedelta(seconds=CLOSED_MOST_S):
            raise forms.ValidationError("Give a time from now on, within 31 days.")
        return until


@admin.register(Closure)
class ClosureAdmin(ReadOnlyAdmin):
    """Closings by the provider's refusals and by hand. To add one is to close a gate."""

    form = ClosingForm
    list_display = ("of_model", "closed", ago_cell("until"), "reason")
    ordering = ("-until",)
    actions = ("open_gates",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Closure]:
        return super().get_queryset(request) & closures_of_accounts()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("runs.add_closure")

    def has_open_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("runs.change_closure")

    @admin.display(description="model", ordering="gate")
    def of_model(self, closure: Closure) -> str:
        return pool_shown(closure.gate)

    @admin.display(boolean=True)
    def closed(self, closure: Closure) -> bool:
        return closure.until > database_now()

    def save_model(self, request: HttpRequest, obj: Closure, form: Any, change: bool) -> None:
        obj.gate = gate_of(form.cleaned_data["model"])
        close = partial(gate_close, actor=_user(request), **form.cleaned_data)
        # The page's own transaction has to be over before Redis is told.
        transaction.on_commit(partial(_attempt, request, close))

    @admin.action(description="Open the gate", permissions=["open"])
    def open_gates(self, request: HttpRequest, closures: QuerySet[Closure]) -> None:
        """Open those that are chosen, and tell what came of it."""
        for closure in closures:
            model = pool_shown(closure.gate)
            if _attempt(request, partial(gate_open, model=model, actor=_user(request))):
                messages.success(request, f"The gate of {model} is open.")


@admin.register(GateAction)
class GateActionAdmin(ReadOnlyAdmin):
    list_display = (ago_cell("at"), "model", "kind", "actor", ago_cell("until"), "reason")
    list_filter = ("kind", "model")
    search_fields = ("=actor", "=model")


def _attempt(request: HttpRequest, change: "partial[None]") -> bool:
    try:
        change()
    except BatchgenError as error:
        messages.error(request, error.message)
        return False
    return True


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the admin lets nobody else in
    return request.user
