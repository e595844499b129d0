"""One project: its page, what is added to it there, and what is deleted."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from rest_framework.serializers import Serializer

from batchgen.api.operations import valid
from batchgen.db.pools import connection_give_back
from batchgen.errors import (
    ItemAlreadyActive,
    PayloadTooLarge,
    RunAlreadyActive,
    UnsupportedFile,
    ValidationFailed,
)
from batchgen.http.throttle import one_at_a_time
from content.kind import counted
from epics import selectors, services, uploads
from epics.access import Role, project_for, role_held
from epics.api.serializers import CardInput, EpicInput
from epics.files.upload_text import Handed, file_handed, text_handed
from epics.models import Project, Upload
from web.forms import REFUSALS, form_refused, typed
from web.page import page, show, told, user_of
from web.parts import CARD, EPIC, STORY
from web.parts.part import tab_address
from web.shapes import entries
from web.views.tabs import tab_context

_PROJECT, _ASK = "project.html", "delete_ask.html"


@page("GET")
def project(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """The tab that the address names."""
    found = project_for(user=request.user, project_id=project_id)
    return show(request, _PROJECT, tab_context(request, found, request.GET.get("tab", "")))


# What is added --------------------------------------------------------------------------------


@page("POST")
def epic_add(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """A new last epic."""
    return _add(request, project_id, "epics", EpicInput, ("title", "theme", "description"))


@page("POST")
def card_add(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """A new last card."""
    return _add(request, project_id, "cards", CardInput, ("title", "persona", "statement"))


def _add(
    request: HttpRequest,
    project_id: UUID,
    tab: str,
    serializer: type[Serializer[Any]],
    names: tuple[str, ...],
) -> HttpResponse:
    found = project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
    values = typed(request.POST, (*names, "cardCodes"))
    codes = {"cardCodes": entries(values["cardCodes"])} if "cardCodes" in values else {}
    try:
        fields = valid(serializer, {**values, **codes})
        card_codes = fields.pop("card_codes", [])
        with role_held(user=request.user, project_id=project_id, role=Role.EDITOR):
            made = (
                services.card_create(project_id=project_id, fields=fields)
                if tab == "cards"
                else services.epic_create(
                    project_id=project_id, fields=fields, card_codes=card_codes
                )
            )
    except REFUSALS as error:
        context = {**tab_context(request, found, tab), "values": values}
        return form_refused(request, error, _PROJECT, context)
    messages.success(request, f"{made.code} is there, behind the others.")
    return redirect(tab_address(project_id, tab))


@page("POST")
def upload(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Notes for the project: files, or a text; all of them, or none."""
    project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
    user, back = user_of(request), tab_address(project_id, "notes")
    try:
        with one_at_a_time(user.pk, "upload"):
            handed = _handed(request)
            with role_held(user=user, project_id=project_id, role=Role.EDITOR):
                made = [
                    uploads.upload_create(project_id=project_id, user=user, handed=each)
                    for each in handed
                ]
    except (ValidationFailed, PayloadTooLarge, UnsupportedFile) as error:
        return told(request, error, back)
    for each in made:
        messages.success(request, f"{each.name} is there: {each.characters:,} characters.")
    return redirect(back)


def _handed(request: HttpRequest) -> list[Handed]:
    if files := request.FILES.getlist("file"):
        raw = [((file.name or "file")[: uploads.NAME_CHARS], file.read()) for file in files]
        # Reading them may take seconds.
        connection_give_back()
        return [_file_handed(name, content) for name, content in raw]
    fields = typed(request.POST, ("name", "text"))
    if "text" not in fields:
        raise ValidationFailed("Choose a file, or paste a text.")
    return [text_handed(fields["text"], name=fields.get("name", "Notes")[: uploads.NAME_CHARS])]


def _file_handed(name: str, content: bytes) -> Handed:
    """Raises:
    ValidationFailed: with the name of the file, of which there may be several.
    """
    try:
        return file_handed(content, name=name)
    except (ValidationFailed, UnsupportedFile) as error:
        raise ValidationFailed(f"{name}: {error.message}") from error


# What goes ------------------------------------------------------------------------------------


@page("GET", "POST")
def upload_delete(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """Say what stays, then delete it."""
    user = user_of(request)
    found = selectors.part_for(Upload, part_id=upload_id, user=user, role=Role.EDITOR)
    back = tab_address(found.project_id, "notes")
    if request.method != "POST":
        what = "The cards that were found in it stay."
        return show(request, _ASK, {"name": found.name, "kind": "it", "what": what, "back": back})
    try:
        with role_held(user=user, project_id=found.project_id, role=Role.EDITOR):
            uploads.upload_delete(upload_id=upload_id)
    except ItemAlreadyActive as error:
        return told(request, error, back)
    messages.success(request, f"{found.name} is deleted.")
    return redirect(back)


@page("GET", "POST")
def project_delete(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Say what goes with it, then delete it."""
    project_for(user=request.user, project_id=project_id, role=Role.OWNER)
    found = selectors.project_read(project_id=project_id)
    back = tab_address(project_id, "settings")
    if request.method != "POST":
        kind = "the project"
        what = f"With it go {_parts_of(found)}, its notes and its past runs. It cannot be undone."
        return show(request, _ASK, {"name": found.name, "kind": kind, "what": what, "back": back})
    try:
        with role_held(user=request.user, project_id=project_id, role=Role.OWNER):
            services.project_delete(project_id=project_id)
    except RunAlreadyActive as error:
        return told(request, error, back)
    messages.success(request, f"{found.name} is deleted.")
    return redirect("web:projects")


def _parts_of(found: Project) -> str:
    parts = {"card_count": CARD, "epic_count": EPIC, "story_count": STORY}
    counts = [counted(vars(found)[name], part.words) for name, part in parts.items()]
    return ", ".join([*counts, "its pages"])
