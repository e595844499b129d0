"""All runs that the user may see."""

from django.http import HttpRequest, HttpResponse

from batchgen.api.paging import keys_of
from content.registry import run_types
from runs.api.run_input import RUN_ORDERS, RunsQuery
from runs.reads.progress import RunProgress
from runs.reads.run_list import runs_list
from runs.states import RunStatus
from web.forms import Rows, asked
from web.page import page, show


@page("GET")
def runs(request: HttpRequest) -> HttpResponse:
    """The newest first, by status and type."""
    query = asked(request, RunsQuery)
    found = runs_list(
        user=request.user,
        project_id=query.get("project"),
        status=query.get("status"),
        type=query.get("type"),
    )
    with_projects = found.queryset().select_related("project")
    rows = Rows(request, with_projects, keys=keys_of(query["order"], RUN_ORDERS))
    context = {
        "rows": rows,
        "runs": [RunProgress.of(run) for run in rows],
        "query": query,
        "statuses": RunStatus.values,
        "types": run_types(),
        "filtered": bool({"status", "type", "project"} & query.keys()),
    }
    return show(request, "runs.html", context)
