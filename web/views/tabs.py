"""The tabs of a project: what each reads."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from content.pages.files.page_export import FORMATS as PAGE_FORMATS
from content.run_types import RunType
from epics import bounds, selectors
from epics.access import Role, project_role
from epics.files.backlog_export import FORMATS
from epics.models import Project
from runs.reads.budgets import project_month
from runs.reads.progress import RunProgress
from runs.reads.run_list import runs_list
from web.forms import Rows
from web.parts import CARD, EPIC, PAGE, STORY, SUBTASK, Part
from web.parts.part import tab_address
from web.parts.project import PROJECT_FIELDS
from web.shapes import values_of
from web.templatetags.web import duration, usd
from web.views.webhooks import webhooks_tab

_IN_ORDER = ("order", "id")
_NEWEST = ("-created_at", "-id")
_SEARCH_CHARS = 200
#: Runs that a trend shows.
_TREND = 12
#: {tab: (the run that fills it, what it does)}.
_STARTS = {
    "cards": (RunType.ANALYZE_CARDS.value, "Find cards"),
    "stories": (RunType.GENERATE_ALL_STORIES.value, "Write stories"),
    "subtasks": (RunType.GENERATE_SUBTASKS.value, "Break down stories"),
}


def tab_context(request: HttpRequest, found: Project, tab: str) -> dict[str, Any]:
    """What the page of a project shows, at one of its tabs; at the first where there is none of
    this name."""
    tab = tab if tab in _TABS else next(iter(_TABS))
    label, template, read = _TABS[tab]
    context = {
        "project": selectors.project_read(project_id=found.pk),
        "role": project_role(user=request.user, project=found),
        "here": reverse("web:project", args=[found.pk]),
        "tab": tab,
        "tabs": [(name, each[0]) for name, each in _TABS.items()],
        "label": label,
        "template": f"web/{template}",
        "bounds": bounds,
        "formats": list(FORMATS),
        "export": reverse("project-export", args=[found.pk]),
        "month": project_month(found),
    }
    return {**context, **read(request, found)}


def _epics(request: HttpRequest, project: Project) -> dict[str, Any]:
    """Each with its cards."""
    read = _parts(EPIC)(request, project)
    codes = {code for epic in read["rows"] for code in vars(epic)["card_codes"]}
    cards = {card.code: card for card in selectors.cards_of(project=project, codes=codes)}
    epics = [
        (epic, [cards[code] for code in vars(epic)["card_codes"] if code in cards])
        for epic in read["rows"]
    ]
    return {**read, "epics": epics}


def _parts(part: Part) -> Callable[[HttpRequest, Project], dict[str, Any]]:
    """The list of what is written of one kind."""

    def read(request: HttpRequest, project: Project) -> dict[str, Any]:
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
        "reviewable": part.reviews and part.reviewable(row),
    }


def _filters(part: Part, project: Project, query: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name, (label, choices) in part.filters.items():
        shown = _codes(project) if name == "epic" else choices
        yield {"name": name, "label": label, "choices": shown, "value": query[name]}


def _codes(project: Project) -> list[tuple[str, str]]:
    """Of the epics, to choose from."""
    epics = selectors.epics_list(project=project).queryset().order_by(*_IN_ORDER)
    return [(code, f"{code}: {title[:50]}") for code, title in epics.values_list("code", "title")]


def _runs(request: HttpRequest, project: Project) -> dict[str, Any]:
    rows = Rows(request, runs_list(user=request.user, project_id=project.pk), keys=_NEWEST)
    runs = [RunProgress.of(run) for run in rows]
    newest = [] if rows.previous else runs[:_TREND]
    return {"rows": rows, "runs": runs, "trends": _trends(newest[::-1])}


def _trends(runs: Sequence[RunProgress]) -> list[dict[str, Any]]:
    """What the last runs cost and how long they took, the oldest first; of one run nothing."""
    if len(runs) < 2:
        return []
    costs, times = [run.cost_usd for run in runs], [run.elapsed_ms for run in runs]
    return [
        _trend(
            f"Cost of the last {len(runs)} runs", list(map(float, costs)), list(map(usd, costs))
        ),
        _trend(f"Time of the last {len(runs)} runs", times, list(map(duration, times))),
    ]


def _trend(label: str, values: Sequence[float], texts: Sequence[str]) -> dict[str, Any]:
    places = sorted(range(len(values)), key=values.__getitem__)
    least, most = texts[places[0]], texts[places[-1]]
    return {
        "label": label,
        "values": values,
        "texts": texts,
        "told": f"{least} to {most}, the last {texts[-1]}",
    }


def _notes(request: HttpRequest, project: Project) -> dict[str, Any]:
    found = selectors.uploads_list(project=project)
    return {"rows": Rows(request, found, keys=_NEWEST)}


def _members(request: HttpRequest, project: Project) -> dict[str, Any]:
    return {
        "rows": Rows(request, selectors.members_list(project=project), keys=("id",)),
        "roles": Role.choices,
    }


def _settings(request: HttpRequest, project: Project) -> dict[str, Any]:
    values = values_of(PROJECT_FIELDS, project)
    return {
        "values": values,
        "fields": [(field, []) for field in PROJECT_FIELDS],
        "address": tab_address(project.pk, "settings"),
    }


#: {in the address: (what it is called, its template, what it reads)}.
_TABS: dict[str, tuple[str, str, Callable[[HttpRequest, Project], dict[str, Any]]]] = {
    "epics": ("Epics", "project_epics.html", _epics),
    "cards": ("Cards", "project_parts.html", _parts(CARD)),
    "stories": ("Stories", "project_parts.html", _parts(STORY)),
    "subtasks": ("Subtasks", "project_parts.html", _parts(SUBTASK)),
    "pages": ("Pages", "project_parts.html", _parts(PAGE)),
    "runs": ("Runs", "project_runs.html", _runs),
    "notes": ("Notes", "project_notes.html", _notes),
    "members": ("Members", "project_members.html", _members),
    "webhooks": ("Webhooks", "project_webhooks.html", webhooks_tab),
    "settings": ("Settings", "project_settings.html", _settings),
}
