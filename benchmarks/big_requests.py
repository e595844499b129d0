"""What is asked of the large database: every list and every detail of the API, by many addresses.

Two requests read a whole project, and grow with it as they should: its export, and the search for
its duplicates. They are no lists and no details, and are not here.
"""

from typing import Any
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import QueryDict

from batchgen.api.paging import page_of
from epics.models import Card, Epic, Membership, Project, Story
from runs.models import Run, RunItem

_API = "/api/v1"
#: Addresses of a kind: enough that an answer is no copy of the last.
_EACH = 20

Requests = dict[str, list[str]]


def requests() -> Requests:
    """{name: addresses} over a database that `database_fill` filled."""
    large = Project.objects.earliest("created_at")
    return {**_backlog(large), **_stories(large), **_runs(large)}


def _backlog(large: Project) -> Requests:
    path = f"projects/{large.pk}"
    cards, epics = Card.objects.filter(project=large), Epic.objects.filter(project=large)
    first = Project.objects.order_by("created_at")[:40].values("pk")
    return {
        "projects": _lists("projects", {}, {"order": "name"}, {"q": "uct 4"}),
        "projects, a later page": _lists(
            "projects", _middle(Project.objects.filter(pk__in=first), "-created_at", "-id")
        ),
        "project": _details("projects/{}", Project.objects.filter(pk__in=first)),
        "cards": _lists(f"{path}/cards", {}, {"order": "title"}, {"order": "-code"}),
        "cards, a later page": _lists(f"{path}/cards", _middle(cards, "order", "id")),
        "cards by q": _lists(f"{path}/cards", {"q": "report 17"}, {"q": "nowhere"}),
        "card": _details("cards/{}", cards),
        "epics": _lists(f"{path}/epics", {}, {"order": "title"}, {"order": "-code"}),
        "epics, 200": _lists(f"{path}/epics", {"limit": 200}),
        "epics, a later page": _lists(f"{path}/epics", _middle(epics, "order", "id")),
        "epics by q": _lists(f"{path}/epics", {"q": "area 17"}, {"q": "nowhere"}),
        "epic": _details("epics/{}", epics),
        "members": _lists(f"{path}/members", {}),
        "member": _details("members/{}", Membership.objects.filter(project=large)),
    }


def _stories(large: Project) -> Requests:
    path = f"projects/{large.pk}/stories"
    stories, epics = Story.objects.filter(project=large), Epic.objects.filter(project=large)
    codes = epics.order_by("pk").values_list("code", flat=True)[:_EACH]
    return {
        "stories": _lists(path, {}, {"order": "-createdAt"}),
        "stories, 200": _lists(path, {"limit": 200}),
        "stories, a later page": _lists(path, _middle(stories, "created_at", "id")),
        "stories of an epic": _details("epics/{}/stories", epics),
        "stories by epic": _lists(path, *({"epic": code} for code in codes)),
        "stories by persona": _lists(path, {"persona": "buyer"}, {"persona": "nobody"}),
        "stories by q": _lists(path, {"q": "pallet of"}, {"q": "lot 771"}, {"q": "nowhere"}),
        "story": _details("stories/{}", stories),
    }


def _runs(large: Project) -> Requests:
    runs, of_large = Run.objects.all(), Run.objects.filter(project=large).order_by("created_at")
    giant, small = of_large[0], Run.objects.filter(pk__in=of_large[2:].values("pk"))
    open_runs = runs.filter(completed_at__isnull=True)
    some = Run.objects.filter(pk__in=[*_some(small), *open_runs.values_list("pk", flat=True)])
    epics = RunItem.objects.filter(run=giant)
    return {
        "runs": _lists("runs", {}, {"project": large.pk}, {"order": "createdAt"}),
        "runs by status": _lists("runs", {"status": "RUNNING"}, {"status": "FAILED"}),
        "runs, a later page": _lists("runs", _middle(runs, "-created_at", "-id")),
        "run": _details("runs/{}", some),
        "run and its retries": _details("runs/{}?effective=true", small),
        "large run and its retries": [f"{_API}/runs/{giant.pk}?effective=true"],
        "progress": _details("runs/{}/progress", some),
        "epics of a run": _details("runs/{}/epics", some),
        "epics of a run, a later page": _lists(
            f"runs/{giant.pk}/epics", _middle(epics, "order", "id")
        ),
        "epics of a run, failed": _lists(f"runs/{giant.pk}/epics", {"status": "FAILED"}),
        "epics of a run and its retries": _details("runs/{}/epics?effective=true", small),
        "epics of a large run and its retries": _lists(
            f"runs/{giant.pk}/epics", {"effective": "true"}
        ),
        "log": _details("runs/{}/logs", some),
        "log, later": _lists(f"runs/{giant.pk}/logs", {"after": 20_000}),
        "actions": _details("runs/{}/actions", some),
        "queue": _lists("queue/status", {}),
    }


def _lists(path: str, *queries: dict[str, Any]) -> list[str]:
    return [f"{_API}/{path}?{urlencode(query)}" for query in queries]


def _details(path: str, rows: "QuerySet[Any]") -> list[str]:
    return [f"{_API}/{path.format(pk)}" for pk in _some(rows)]


def _some(rows: "QuerySet[Any]") -> list[Any]:
    """Keys from all over the rows."""
    keys = list(rows.order_by("pk").values_list("pk", flat=True))
    return keys[:: max(1, len(keys) // _EACH)][:_EACH]


def _middle(rows: "QuerySet[Any]", *keys: str) -> dict[str, str | None]:
    """The query of the page that begins in the middle of the rows."""
    row: Model = rows.order_by(*keys)[rows.count() // 2]
    name = keys[0].removeprefix("-")
    beyond = f"{name}__lte" if keys[0].startswith("-") else f"{name}__gte"
    rest = rows.filter(**{beyond: getattr(row, name)})
    _, page = page_of(rest, keys=keys, query=QueryDict("limit=1"))
    return {"cursor": page["next"]}
