"""Prompts in Django's admin: what a kind's calls say, edited version by version."""

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from batchgen.errors import BatchgenError, ValidationFailed
from content.models import PromptSet
from content.prompt_sets import prompt_set_create, prompt_set_current
from content.prompts import PromptFolder
from content.registry import Kind, kinds_with_prompts
from epics.admin.cells import ago_cell
from epics.bounds import TEMPLATE_CHARS

if TYPE_CHECKING:  # Django's classes take their types in the stubs alone
    ModelAdmin = admin.ModelAdmin[PromptSet]
else:
    ModelAdmin = admin.ModelAdmin

#: The button that makes a version without any text of its own.
_TO_FILES = "files"
_AREA = forms.Textarea(attrs={"rows": 24, "cols": 110, "spellcheck": "false"})


class PromptsForm(forms.Form):
    """All templates of a kind. `after` is the version that its editor saw."""

    after = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    note = forms.CharField(
        max_length=500, required=False, help_text="What was changed, and what for."
    )

    def __init__(self, prompts: PromptFolder, current: PromptSet | None, data: Any = None) -> None:
        edited = current.texts if current else {}
        self._names = prompts.names
        texts = {name: prompts.template(name) for name in prompts.names}
        initial = {name: edited.get(name, template.text) for name, template in texts.items()}
        super().__init__(data, initial={**initial, "after": current.version if current else 0})
        for name, template in texts.items():
            wanted = ", ".join(f"${each}" for each in sorted(template.variables))
            self.fields[name] = forms.CharField(
                label=name,
                widget=_AREA,
                required=False,
                strip=False,
                max_length=2 * TEMPLATE_CHARS,
                help_text=f"Exactly these placeholders: {wanted}." if wanted else "",
            )

    @property
    def texts(self) -> dict[str, str]:
        """Of all templates, as they were sent."""
        return {name: self.cleaned_data[name] for name in self._names}

    def refuse(self, error: BatchgenError) -> None:
        """Say what is wrong beside the template that it is about, or above all."""
        told: Mapping[str, Any] = error.details if isinstance(error, ValidationFailed) else {}
        for name, said in told.items():
            self.add_error(name, said)
        if not told:
            self.add_error(None, error.message)


@admin.register(PromptSet)
class PromptSetAdmin(ModelAdmin):
    """Versions to look at, each with what it changed; a kind's page to make the next one."""

    list_display = ("__str__", "current", "edited", "note", "created_by", ago_cell("created_at"))
    list_filter = ("kind",)
    list_select_related = ("created_by",)
    fields = ("kind", "version", "note", "created_by", "created_at", "changes", "whole")
    change_list_template = "admin/content/promptset/change_list.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a version is made from the one before, on its kind's page

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PromptSet]:
        same = PromptSet.objects.filter(kind=OuterRef("kind")).order_by("-version")
        return super().get_queryset(request).annotate(last=Subquery(same.values("version")[:1]))

    def get_urls(self) -> list[URLPattern]:
        edit = self.admin_site.admin_view(self.edit_view)
        return [path("of/<str:kind>/", edit, name="content_promptset_edit"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        kinds = [kind.name for kind in kinds_with_prompts()] if _may_edit(request) else []
        return super().changelist_view(request, {**(extra_context or {}), "kinds": kinds})

    @admin.display(boolean=True)
    def current(self, one: PromptSet) -> bool:
        """Whether runs that start now go by it."""
        return bool(one.version == vars(one)["last"])

    @admin.display(description="edited templates")
    def edited(self, one: PromptSet) -> str:
        return ", ".join(sorted(one.texts)) or "none: the files"

    @admin.display(description="changes to the version before")
    def changes(self, one: PromptSet) -> SafeString:
        lines = "\n".join(_difference(one)) or "None."
        return format_html("<pre>{}</pre>", lines)

    @admin.display(description="edited texts")
    def whole(self, one: PromptSet) -> SafeString | str:
        texts = sorted(one.texts.items())
        return format_html_join("", "<h3>{}</h3><pre>{}</pre>", texts) or "None: the files."

    def edit_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """A kind's prompts: its files, the current version, and a form for the next one."""
        found = next((one for one in kinds_with_prompts() if one.name == kind), None)
        if found is None:
            raise Http404
        if not _may_edit(request):
            raise PermissionDenied
        prompts, current = _prompts_of(found), prompt_set_current(kind)
        form = PromptsForm(prompts, current, request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                return self._saved(request, found, form)
            except BatchgenError as error:
                form.refuse(error)
        return TemplateResponse(
            request,
            "admin/content/promptset/edit.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": f"Prompts of {kind}",
                "current": current,
                "form": form,
                "templates": [
                    (
                        form[name],
                        prompts.template(name).text,
                        bool(current and name in current.texts),
                    )
                    for name in prompts.names
                ],
            },
        )

    def _saved(self, request: HttpRequest, kind: Kind, form: PromptsForm) -> HttpResponse:
        assert isinstance(request.user, User)  # noqa: S101 - the admin lets nobody else in
        prompts = _prompts_of(kind)
        to_files = _TO_FILES in request.POST
        made = prompt_set_create(
            kind=kind.name,
            prompts=prompts,
            texts={} if to_files else form.texts,
            note=form.cleaned_data["note"],
            user=request.user,
            after=form.cleaned_data["after"],
        )
        self.log_addition(request, made, "Back to the files." if to_files else "Edited.")
        messages.success(request, f"Runs that start from now on go by {made}.")
        return HttpResponseRedirect(reverse("admin:content_promptset_change", args=(made.pk,)))


def _may_edit(request: HttpRequest) -> bool:
    return request.user.has_perm("content.add_promptset")


def _prompts_of(kind: Kind) -> PromptFolder:
    assert kind.prompts is not None  # noqa: S101 - as `kinds_with_prompts` says
    return kind.prompts


def _difference(one: PromptSet) -> Iterator[str]:
    """The lines of a diff to the version before, or to the files."""
    before = PromptSet.objects.filter(kind=one.kind, version=one.version - 1).first()
    was = before.texts if before else {}
    folder = next((kind.prompts for kind in kinds_with_prompts() if kind.name == one.kind), None)
    shown = partial(_lines, folder)
    for name in sorted({*was, *one.texts}):
        names = (f"{name} ({before or 'file'})", f"{name} ({one})")
        yield from unified_diff(shown(was, name), shown(one.texts, name), *names, lineterm="")


def _lines(folder: PromptFolder | None, texts: dict[str, str], name: str) -> list[str]:
    if name in texts:
        return texts[name].splitlines()
    known = folder is not None and name in folder.names
    return folder.template(name).text.splitlines() if folder and known else []
