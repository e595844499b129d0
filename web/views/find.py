"""To any place by a few letters: the parts of the site, projects and their active runs, and a run
by its id."""

from collections.abc import Iterator
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from batchgen.api.paging import keys_of
from batchgen.errors import NotFound
from epics.access import is_staff
from epics.api.filters import PROJECT_ORDERS, ProjectsQuery
from epics.selectors import projects_list
from runs.reads.selectors import run_plain
from web.context import FOR_STAFF, SECTIONS
from web.forms import Rows, asked
from web.page import page, show

#: Projects that are shown: the newest ones.
_MOST = 8


@page("GET")
def find(request: HttpRequest) -> HttpResponse:
    """What matches `q`; with `go`, the first of it itself. To the dialog that asks while somebody
    types, the list alone."""
    text = asked(request, ProjectsQuery).get("q", "")
    places = [*_sections(request, text), *_projects(request, text), *_run(request, text)]
    if "go" in request.GET and places:
        return redirect(places[0]["url"])
    template = "find_places.html" if request.headers.get("HX-Request") else "find.html"
    return show(request, template, {"places": places, "q": text})


def _sections(request: HttpRequest, text: str) -> Iterator[dict[str, str]]:
    for part, (url, name) in SECTIONS.items():
        if text.casefold() in name.casefold() and (part not in FOR_STAFF or is_staff(request.user)):
            yield {"name": name, "url": reverse(url)}


def _projects(request: HttpRequest, text: str) -> Iterator[dict[str, str]]:
    found = projects_list(user=request.user, search=text)
    for project in [*Rows(request, found, keys=keys_of("-createdAt", PROJECT_ORDERS))][:_MOST]:
        yield {"name": project.name, "url": reverse("web:project", args=[project.pk])}
        if project.active_run_id:
            run = reverse("web:run", args=[project.active_run_id])
            yield {"name": project.name, "what": "active run", "url": run}


def _run(request: HttpRequest, text: str) -> Iterator[dict[str, str]]:
    try:
        run = run_plain(user=request.user, run_id=UUID(text))
    except (ValueError, NotFound):
        return
    yield {
        "name": run.project.name,
        "what": f"run {run.pk}",
        "url": reverse("web:run", args=[run.pk]),
    }
