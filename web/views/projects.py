"""All projects, and the ways to a new one."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from batchgen.api.operations import valid
from batchgen.api.paging import keys_of
from batchgen.errors import ValidationFailed
from epics import bounds
from epics.api.filters import PROJECT_ORDERS, ProjectsQuery
from epics.api.serializers import ProjectInput
from epics.files.upload_text import Handed, text_handed
from epics.members import invitations
from epics.samples import sample_load
from epics.selectors import projects_list
from epics.services import project_create
from epics.uploads import upload_create
from web.forms import REFUSALS, Rows, asked, form_refused, typed
from web.page import page, show, user_of

_FIELDS = ("name", "code", "description", "context", "language")
_NOTES = "Notes"


@page("GET")
def projects(request: HttpRequest) -> HttpResponse:
    """What the user may see; where that is nothing, how to begin."""
    query = asked(request, ProjectsQuery)
    found = projects_list(user=request.user, search=query.get("q", ""))
    rows = Rows(request, found, keys=keys_of(query["order"], PROJECT_ORDERS))
    begins = not rows and not query.get("q") and not request.GET.get("cursor")
    invited = invitations(user=user_of(request)).select_related("project").order_by("id")
    context = {"rows": rows, "query": query, "begins": begins, "invited": invited}
    return show(request, "projects.html", context)


@page("GET", "POST")
def project_new(request: HttpRequest) -> HttpResponse:
    """A project of nothing yet, or of notes that cards are to be found in."""
    values = typed(request.POST, (*_FIELDS, "notes"))
    context = {"values": values, "bounds": bounds}
    if request.method != "POST":
        return show(request, "project_new.html", context)
    user = user_of(request)
    try:
        fields = valid(ProjectInput, {name: values[name] for name in _FIELDS if name in values})
        notes = _handed(values["notes"]) if "notes" in values else None
        with transaction.atomic():
            project = project_create(user=user, fields=fields)
            if notes is not None:
                upload_create(project_id=project.pk, user=user, handed=notes)
    except REFUSALS as error:
        return form_refused(request, error, "project_new.html", context)
    messages.success(request, f"{project.name} is there.")
    return redirect("web:project", project_id=project.pk)


def _handed(text: str) -> Handed:
    try:
        return text_handed(text, name=f"{_NOTES}.txt")
    except ValidationFailed as error:
        raise ValidationFailed(error.message, notes=[error.message]) from error


@page("POST")
def project_sample(request: HttpRequest) -> HttpResponse:
    """The sample, as a project of one's own."""
    project = sample_load(user=user_of(request))
    messages.success(request, f"{project.name} is there, with cards and epics. Start a run.")
    return redirect("web:project", project_id=project.pk)
