"""Stories of a project that want the same, for people to say which of them to keep."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from batchgen.http.throttle import one_at_a_time
from epics.access import project_for, project_role
from epics.api.quality_serializers import DuplicatesQuery
from epics.files.story_lint import project_duplicates
from epics.models import Story
from web.forms import asked
from web.page import page, show, user_of

#: Groups that the page shows.
_SHOWN = 50


@page("GET")
def duplicates(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Groups of them, across epics or of any."""
    project = project_for(user=request.user, project_id=project_id)
    query = asked(request, DuplicatesQuery)
    with one_at_a_time(user_of(request).pk, "quality"):
        found = project_duplicates(project=project, across_epics=query["epics"] == "different")
    groups = found["groups"][:_SHOWN]
    stories = [story for group in groups for story in group["stories"]]
    rows = Story.objects.filter(pk__in=[story["id"] for story in stories])
    versions = dict(rows.values_list("pk", "version"))
    for story in stories:
        story["version"] = versions.get(story["id"])
    context = {
        "project": project,
        "role": project_role(user=request.user, project=project),
        "found": found,
        "groups": groups,
        "more": max(0, found["groupCount"] - len(groups)),
        "query": query,
    }
    return show(request, "duplicates.html", context)
