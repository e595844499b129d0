"""Import of a backlog: it is checked, and shown, before anything of it is stored.

Nothing is kept between the check and the import: the checked text travels in the page.
"""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from batchgen.api.strict_json import JSONRefused, strict_loads
from batchgen.errors import PayloadTooLarge, ValidationFailed
from batchgen.http.throttle import one_at_a_time
from epics.files.backlog_document import Backlog, backlog_parse
from epics.files.backlog_import import backlog_import
from epics.files.document_consistency import code_warnings
from web.forms import REFUSALS, form_refused
from web.page import page, show, user_of

_TEMPLATE = "project_import.html"
#: Epics that the check shows.
_SHOWN = 10


@page("GET", "POST")
def project_import(request: HttpRequest) -> HttpResponse:
    """Choose a file, see what it has or what is wrong with it, then import it."""
    if request.method != "POST":
        return show(request, _TEMPLATE, {"values": {}})
    try:
        raw = _raw(request)
        document = _document(raw)
        backlog = backlog_parse(document)
        if request.POST.get("action") == "import":
            return _imported(request, document)
    except REFUSALS as error:
        values = {"document": request.POST.get("document", "")}
        return form_refused(request, error, _TEMPLATE, {"values": values})
    context = {"values": {"document": raw.decode()}, "checked": _checked(backlog, document)}
    return show(request, _TEMPLATE, context)


def _raw(request: HttpRequest) -> bytes:
    file = request.FILES.get("file")
    if file:
        if (file.size or 0) > settings.MAX_BODY_BYTES:
            raise PayloadTooLarge(limitBytes=settings.MAX_BODY_BYTES)
        return bytes(file.read())
    return request.POST.get("document", "").encode()


def _document(raw: bytes) -> Any:
    """Raises:
    ValidationFailed: it is not JSON.
    """
    if not raw.strip():
        message = "Choose a file, or paste its text."
        raise ValidationFailed(message, file=[message])
    try:
        return strict_loads(raw)
    except JSONRefused as error:
        raise ValidationFailed(f"This is no backlog: {error}") from error


def _checked(backlog: Backlog, document: Any) -> dict[str, Any]:
    """What the page shows of it."""
    stories = [story for epic in backlog.epics for story in epic.stories]
    return {
        "project": backlog.project,
        "counts": {
            "cards": len(backlog.cards),
            "epics": len(backlog.epics),
            "stories": len(stories),
            "subtasks": sum(len(story.subtasks) for story in stories),
        },
        "epics": backlog.epics[:_SHOWN],
        "more": max(0, len(backlog.epics) - _SHOWN),
        "warnings": code_warnings(document),
    }


def _imported(request: HttpRequest, document: Any) -> HttpResponse:
    user = user_of(request)
    with one_at_a_time(user.pk, "import"):
        project = backlog_import(user=user, document=document)
    messages.success(request, f"{project.name} is imported.")
    return redirect("web:project", project_id=project.pk)
