"""One project: its backlog, its runs, its stories, its notes."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from batchgen.db.pools import connection_give_back
from batchgen.errors import PayloadTooLarge, UnsupportedFile, ValidationFailed
from batchgen.http.throttle import one_at_a_time
from content.pages.files.page_export import FORMATS as PAGE_FORMATS
from content.run_types import RunType
from epics import bounds, selectors, uploads
from epics.access import Role, project_for, project_role, role_held
from epics.files.backlog_export import FORMATS
from epics.files.upload_text import Handed, file_handed, text_handed
from epics.models import Project
from runs.reads.progress import RunProgress
from runs.reads.selectors import runs_list
from web.forms import Rows, typed
from web.page import page, show, told, user_of
from web.parts import PAGE, STORY, SUBTASK, Part

_IN_ORDER = ("order", "id")
_NEWEST = ("-created_at", "-id")
_SEARCH_CHARS = 200
#: {tab: (the run that fills it, what it does)}.
_STARTS = {
    "stories": (RunType.GENERATE_ALL_STORIES.value, "Write stories"),
    "subtasks": (RunType.GENERATE_SUBTASKS.value, "Break down stories"),
}


@page("GET")
def project(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """The tab that the address names."""
    found = project_for(user=request.user, project_id=project_id)
    tab = request.GET.get("tab", "")
    tab = tab if tab in _TABS else next(iter(_TABS))
    label, template, read = _TABS[tab]
    search = request.GET.get("q", "")[:_SEARCH_CHARS]
    context = {
        "project": selectors.project_read(project_id=project_id),
        "role": project_role(user=request.user, project=found),
        "tab": tab,
        "tabs": [(name, each[0]) for name, each in _TABS.items()],
        "label": label,
        "template": f"web/{template}",
        "search": search,
        "formats": list(FORMATS),
        "export": reverse("project-export", args=[project_id]),
    }
    return show(request, "project.html", {**context, **read(request, found, search)})


def _epics(request: HttpRequest, project: Project, search: str) -> dict[str, Any]:
    rows = Rows(request, selectors.epics_list(project=project, search=search), keys=_IN_ORDER)
    codes = {code for epic in rows for code in vars(epic)["card_codes"]}
    cards = {card.code: card for card in selectors.cards_of(project=project, codes=codes)}
    return {
        "rows": rows,
        "epics": [
            (epic, [cards[code] for code in vars(epic)["card_codes"] if code in cards])
            for epic in rows
        ],
    }


def _cards(request: HttpRequest, project: Project, search: str) -> dict[str, Any]:
    cards = selectors.cards_list(project=project, search=search)
    return {"rows": Rows(request, cards, keys=_IN_ORDER)}


def _parts(part: Part) -> Callable[[HttpRequest, Project, str], dict[str, Any]]:
    """The list of what is written of one kind."""

    def read(request: HttpRequest, project: Project, search: str) -> dict[str, Any]:
        query = {name: request.GET.get(name, "")[:_SEARCH_CHARS] for name in ("q", *part.filters)}
        listed = part.listed(project, query)
        rows = Rows(request, listed, keys=part.keys)
        return {
            "part": part,
            "rows": rows,
            "found": [_row(part, row) for row in rows],
            "has_above": any(part.above(row) for row in rows),
            "count": listed.order_by().count(),
            "query": query,
            "encoded": request.GET.urlencode(),
            "filtered": any(query.values()),
            "filters": list(_filters(part, project, query)),
            "starts": _STARTS.get(part.tab),
            "bounds": bounds,
            "page_formats": list(PAGE_FORMATS),
            "page_export": reverse("pages-export", args=[project.pk]),
        }

    return read


def _row(part: Part, row: Any) -> dict[str, Any]:
    return {
        "row": row,
        "name": part.name(row),
        "address": part.address(row),
        "text": part.text(row),
        "above": part.above(row),
        "reviewable": part.reviewable(row),
    }


def _filters(part: Part, project: Project, query: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name, (label, choices) in part.filters.items():
        shown = _codes(project) if name == "epic" else choices
        yield {"name": name, "label": label, "choices": shown, "value": query[name]}


def _codes(project: Project) -> list[tuple[str, str]]:
    """Of the epics, to choose from."""
    epics = selectors.epics_list(project=project).queryset().order_by(*_IN_ORDER)
    return [(code, f"{code}: {title[:50]}") for code, title in epics.values_list("code", "title")]


def _runs(request: HttpRequest, project: Project, search: str) -> dict[str, Any]:
    runs = runs_list(user=request.user, project_id=project.pk)
    rows = Rows(request, runs, keys=_NEWEST)
    return {"rows": rows, "runs": [RunProgress.of(run) for run in rows]}


def _notes(request: HttpRequest, project: Project, search: str) -> dict[str, Any]:
    found = selectors.uploads_list(project=project)
    return {"rows": Rows(request, found, keys=_NEWEST)}


#: {in the address: (what it is called, its template, what it reads)}.
_TABS: dict[str, tuple[str, str, Callable[[HttpRequest, Project, str], dict[str, Any]]]] = {
    "epics": ("Epics", "project_epics.html", _epics),
    "cards": ("Cards", "project_cards.html", _cards),
    "stories": ("Stories", "project_parts.html", _parts(STORY)),
    "subtasks": ("Subtasks", "project_parts.html", _parts(SUBTASK)),
    "pages": ("Pages", "project_parts.html", _parts(PAGE)),
    "runs": ("Runs", "project_runs.html", _runs),
    "notes": ("Notes", "project_notes.html", _notes),
}


@page("POST")
def upload(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Notes for the project: files, or a text."""
    project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
    user, back = user_of(request), f"{reverse('web:project', args=[project_id])}?tab=notes"
    try:
        with one_at_a_time(user.pk, "upload"):
            handed = _handed(request)
            with role_held(user=user, project_id=project_id, role=Role.EDITOR):
                made = uploads.upload_create(project_id=project_id, user=user, handed=handed)
    except (ValidationFailed, PayloadTooLarge, UnsupportedFile) as error:
        return told(request, error, back)
    messages.success(request, f"{made.name} is there: {made.characters:,} characters.")
    return redirect(back)


def _handed(request: HttpRequest) -> Handed:
    file = request.FILES.get("file")
    if file:
        raw, name = file.read(), (file.name or "file")[: uploads.NAME_CHARS]
        # Reading it may take seconds.
        connection_give_back()
        return file_handed(raw, name=name)
    fields = typed(request.POST, ("name", "text"))
    if "text" not in fields:
        raise ValidationFailed("Choose a file, or paste a text.")
    return text_handed(fields["text"], name=fields.get("name", "Notes")[: uploads.NAME_CHARS])
