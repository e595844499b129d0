"""What a run changed, item by item, against what was there before it."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from runs.reads import selectors
from runs.reads.changes import changes_bytes, item_changes
from web.forms import Rows
from web.page import page, show

_KEYS = ("order", "id")


@page("GET")
def run_changes(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Added, removed and changed, the latter with what stood there."""
    found = selectors.run_plain(user=request.user, run_id=run_id)
    rows = Rows(request, found.items.all(), keys=_KEYS, beside=changes_bytes)
    changes = item_changes(list(rows))
    context = {"run": found, "project": found.project, "rows": rows, "changes": changes}
    return show(request, "run_changes.html", context)
