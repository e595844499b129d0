"""Pages of a website: one is stored and written at once, many are imported after a check."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from batchgen.api.operations import valid
from batchgen.errors import ValidationFailed
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
from web.parts.part import tab_address
from web.shapes import entries, whole
from web.views.imports import SHOWN, Import, imported, json_of

_NEW = "page_new.html"
_LINES = ("pageType", "url", "title", "language")
_TYPED = (*_LINES, "pagePriority", "keywords", "facts", "tone", "bannedWords")


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

    def store(found: PageRows) -> HttpResponse:
        user = user_of(request)
        with pages_held(project_id=project_id, user=user):
            put = pages_put(project_id=project_id, user=user, rows=found.rows)
        told = f"{counted(put.created, ('page is', 'pages are'))} new"
        messages.success(request, f"{told}, {put.updated} changed, {put.unchanged} as before.")
        return redirect(tab_address(project_id, "pages"))

    way = Import(
        template="pages_import.html",
        decode=_decode,
        read=_read,
        checked=lambda found: _checked(project, found),
        store=store,
    )
    return imported(request, way, {"project": project})


def _decode(raw: bytes) -> str:
    try:
        return decode_text(raw)
    except UndecodableFile as error:
        raise ValidationFailed(f"The file was refused. {error}") from error


def _read(text: str) -> PageRows:
    """JSON where it begins as one, else CSV."""
    if not text.lstrip().startswith(("{", "[")):
        return pages_of(text)
    return json_of(text, _document_rows, refusal="This is no list of pages")


def _document_rows(document: Any) -> PageRows:
    return PageRows(rows=pages_parse(document), warnings=[])


def _checked(project: Project, found: PageRows) -> dict[str, Any]:
    keys = [row.get("url_key") or address_key(row["url"]) for row in found.rows]
    known = Page.objects.filter(project=project, url_key__in=keys).count()
    return {
        "count": len(found.rows),
        "known": known,
        "new": len(found.rows) - known,
        "warnings": found.warnings,
        "rows": found.rows[:SHOWN],
        "more": max(0, len(found.rows) - SHOWN),
    }
