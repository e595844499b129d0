"""Pages of a website: one is stored and written at once, many are imported after a check."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from batchgen.api.operations import valid
from batchgen.api.strict_json import JSONRefused, strict_loads
from batchgen.errors import PayloadTooLarge, ValidationFailed
from batchgen.http.throttle import one_at_a_time
from content.kind import counted
from content.pages.addresses import address_key
from content.pages.api.serializers import PageInput
from content.pages.bulk import pages_held, pages_put, rows_of
from content.pages.files.page_csv import PageRows, pages_of
from content.pages.files.page_document import pages_parse
from content.pages.models import Page
from content.run_types import RunType
from epics import bounds
from epics.access import Role, project_for
from epics.files.file_text import UndecodableFile, decode_text
from epics.models import Project
from runs.api.run_input import RunInput
from runs.engine.start import RunOptions, run_start
from web.forms import REFUSALS, form_refused, typed
from web.page import page, show, user_of
from web.shapes import entries, whole

_NEW, _IMPORT = "page_new.html", "pages_import.html"
_LINES = ("pageType", "url", "title", "language")
_TYPED = (*_LINES, "pagePriority", "keywords", "facts", "tone", "bannedWords")
#: Pages that the check of an import shows.
_SHOWN = 10


@page("GET", "POST")
def page_new(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Store a page and start the run that writes it; both, or neither."""
    project = project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
    values = typed(request.POST, _TYPED)
    context = {
        "project": project,
        "values": values,
        "types": Page.Type.choices,
        "bounds": bounds,
    }
    if request.method != "POST":
        return show(request, _NEW, context)
    user = user_of(request)
    try:
        rows = rows_of([valid(PageInput, _body(values))])
        asked = valid(RunInput, {"type": RunType.GENERATE_PAGES.value})
        with pages_held(project_id=project_id, user=user):
            put = pages_put(project_id=project_id, user=user, rows=rows)
            options = RunOptions(**{**asked, "target_ids": put.page_ids})
            run = run_start(project=project, user=user, options=options)
    except REFUSALS as error:
        return form_refused(request, error, _NEW, context)
    messages.success(request, "The page is stored, and is being written.")
    return redirect("web:run", run_id=run.pk)


def _body(values: dict[str, str]) -> dict[str, Any]:
    """The form as the API's body of a page; what is empty is not said."""
    body: dict[str, Any] = {name: values[name] for name in _LINES if name in values}
    if "pagePriority" in values:
        body["priority"] = whole(values["pagePriority"].strip())
    if "keywords" in values:
        body["keywords"] = entries(values["keywords"])
    if "facts" in values:
        body["facts"] = dict(_facts(values["facts"]))
    voice: dict[str, Any] = {name: values[name] for name in ("tone",) if name in values}
    if "bannedWords" in values:
        voice["bannedWords"] = entries(values["bannedWords"])
    return {**body, "brandVoice": voice} if voice else body


def _facts(text: str) -> list[tuple[str, str]]:
    """Raises:
    ValidationFailed: a line has no name.
    """
    pairs = [line.partition(":") for line in text.split("\n") if line.strip()]
    if any(not (name.strip() and colon) for name, colon, _ in pairs):
        message = "Write each on a line of its own, as `weight: 2 kg`."
        raise ValidationFailed(message, facts=[message])
    return [(name.strip(), value.strip()) for name, _, value in pairs]


# Import ---------------------------------------------------------------------------------------


@page("GET", "POST")
def pages_import(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Choose a list, see what it has or what is wrong with it, then import it."""
    project = project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
    context: dict[str, Any] = {"project": project, "values": {}}
    if request.method != "POST":
        return show(request, _IMPORT, context)
    try:
        text = _text(request)
        found = _read(text)
        if request.POST.get("action") == "import":
            return _imported(request, project, found)
    except REFUSALS as error:
        values = {"document": request.POST.get("document", "")}
        return form_refused(request, error, _IMPORT, {**context, "values": values})
    checked = {"values": {"document": text}, "checked": _checked(project, found)}
    return show(request, _IMPORT, {**context, **checked})


def _text(request: HttpRequest) -> str:
    """What was handed in.

    Raises:
        PayloadTooLarge, ValidationFailed: it is too much, or no text.
    """
    file = request.FILES.get("file")
    if file is None:
        text = request.POST.get("document", "").replace("\r\n", "\n")
        if not text.strip():
            message = "Choose a file, or paste its text."
            raise ValidationFailed(message, file=[message])
        return text
    if (file.size or 0) > settings.MAX_BODY_BYTES:
        raise PayloadTooLarge(limitBytes=settings.MAX_BODY_BYTES)
    try:
        return decode_text(file.read())
    except UndecodableFile as error:
        raise ValidationFailed(f"The file was refused. {error}") from error


def _read(text: str) -> PageRows:
    """JSON where it begins as one, else CSV.

    Raises:
        ValidationFailed: it says what is wrong, by path or by row.
    """
    if not text.lstrip().startswith(("{", "[")):
        return pages_of(text)
    try:
        return PageRows(rows=pages_parse(strict_loads(text.encode())), warnings=[])
    except JSONRefused as error:
        raise ValidationFailed(f"This is no list of pages: {error}") from error


def _checked(project: Project, found: PageRows) -> dict[str, Any]:
    keys = [row.get("url_key") or address_key(row["url"]) for row in found.rows]
    known = Page.objects.filter(project=project, url_key__in=keys).count()
    return {
        "count": len(found.rows),
        "known": known,
        "new": len(found.rows) - known,
        "warnings": found.warnings,
        "rows": found.rows[:_SHOWN],
        "more": max(0, len(found.rows) - _SHOWN),
    }


def _imported(request: HttpRequest, project: Project, found: PageRows) -> HttpResponse:
    user = user_of(request)
    with one_at_a_time(user.pk, "import"), pages_held(project_id=project.pk, user=user):
        put = pages_put(project_id=project.pk, user=user, rows=found.rows)
    told = f"{counted(put.created, ('page is', 'pages are'))} new"
    messages.success(request, f"{told}, {put.updated} changed, {put.unchanged} as before.")
    return redirect(f"{reverse('web:project', args=[project.pk])}?tab=pages")
