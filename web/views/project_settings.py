"""A project's settings: what it is called, and what every prompt says of it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from batchgen.api.operations import valid
from batchgen.errors import VersionConflict
from epics import services
from epics.access import Role, project_for, role_held
from epics.api.serializers import ProjectPatch
from web.forms import REFUSALS, form_refused
from web.page import page, user_of
from web.parts.part import tab_address
from web.parts.project import PROJECT_FIELDS, project_body
from web.shapes import conflict_of, typed_in, whole
from web.views.tabs import tab_context

_PROJECT = "project.html"


@page("POST")
def save(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Store what is different, or show what somebody else has changed meanwhile."""
    found = project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
    values = typed_in(PROJECT_FIELDS, request.POST)
    body = project_body(found, values)
    address = tab_address(project_id, "settings")
    if not body:
        messages.success(request, "Nothing is different, so nothing is saved.")
        return redirect(address)
    try:
        changes = valid(ProjectPatch, {**body, "version": whole(request.POST.get("version", ""))})
        version = changes.pop("version")
        with role_held(user=user_of(request), project_id=project_id, role=Role.EDITOR):
            services.project_update(project_id=project_id, changes=changes, version=version)
    except REFUSALS as error:
        context = {**tab_context(request, found, "settings"), "values": values}
        if isinstance(error, VersionConflict):
            now = project_for(user=request.user, project_id=project_id)
            context["conflict"] = conflict_of(PROJECT_FIELDS, now, values)
        return form_refused(request, error, _PROJECT, context)
    messages.success(request, "The settings are saved.")
    return redirect(address)
