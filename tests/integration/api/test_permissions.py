"""Who may do what: every route of the web process, as docs/permissions.md has it."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.timezone import now

from batchgen.accounts.tokens import RefreshToken
from batchgen.local.local_dir import ROOT
from content.run_types import RunType
from epics.models import Epic, Membership, Project, Upload
from runs.engine.open_targets import all_close
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_move
from runs.models import Lane, Run, RunAction, RunItem
from runs.states import ItemStatus, LaneState, RunStatus
from tests.factories import (
    backlog_document,
    client_of,
    delivery_make,
    member_make,
    project_make,
    subtask_make,
    token_made,
    user_make,
    webhook_make,
)
from tests.integration.export.world import export_start, file_make
from tests.integration.pages.world import page_body, page_make
from web.views.bulk import mark_of

API = "/api/v1"
TABLE = ROOT / "docs" / "permissions.md"
WHO = ["anonymous", "stranger", "viewer", "editor", "owner", "staff"]
CODES = {400: "VALIDATION_ERROR", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND"}
METHODS = ("get", "post", "put", "patch", "delete")
#: A route's address stands for everything below it.
WHOLE = ("/admin/",)

#: For programs, beside the API.
OPEN = ("/admin/", "/healthz", "/readyz", "/metrics", "/internal/staff")

Route = tuple[str, str]


@cache
def table() -> dict[Route, list[int]]:
    """{(method, path): the status for each of WHO}."""
    rows = re.findall(r"^\| ([A-Z]+) `([^`]+)` \|(.+)\|$", TABLE.read_text(), re.MULTILINE)
    found = {(method, path): list(map(int, cells.split("|"))) for method, path, cells in rows}
    assert len(found) == len(rows)
    return found


def routes(resolver: URLResolver, above: str = "/") -> Iterator[Route]:
    """Every method of every address that Django knows."""
    for pattern in resolver.url_patterns:
        path = above + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        if path in WHOLE:
            yield "GET", path
        elif isinstance(pattern, URLResolver):
            yield from routes(pattern, path)
        else:
            yield from ((method, path) for method in methods(pattern))


def methods(pattern: URLPattern) -> list[str]:
    view = getattr(pattern.callback, "cls", None)
    if of_page := getattr(pattern.callback, "methods", None):
        return list(of_page)
    return [name.upper() for name in METHODS if hasattr(view, name)] if view else ["GET"]


def routes_known() -> list[Route]:
    """Every route, in the order of the table."""
    return list(table())


def test_the_table_has_every_route_and_no_other() -> None:
    assert set(table()) == set(routes(get_resolver()))


def test_nobody_may_do_more_than_who_stands_right_of_them() -> None:
    for route, statuses in table().items():
        allowed = [status < 400 for status in statuses]
        assert len(statuses) == len(WHO), route
        if is_page(route):
            assert statuses[0] in {200, 302}, "a page sends who is not signed in there"
            allowed = allowed[1:]
        if "{" in route[1] and "{invitation_id}" not in route[1]:
            assert allowed == sorted(allowed), route


# The requests ---------------------------------------------------------------------------------


def _started(project: Project) -> Run:
    run = run_start(project=project, user=None, options=RunOptions())
    run_begin(run_id=run.id)
    return run


def _pages_started(project: Project) -> Run:
    """A run over the project's pages."""
    return run_start(
        project=project, user=None, options=RunOptions(type=RunType.GENERATE_PAGES.value)
    )


def _paused(project: Project) -> Run:
    run = _started(project)
    run_move(run_id=run.id, to=RunStatus.PAUSED, kind=RunAction.Kind.PAUSE, message="Paused.")
    return run


def _failed(project: Project) -> Run:
    run = _started(project)
    Lane.objects.filter(run=run).update(state=LaneState.IDLE)
    RunItem.objects.filter(run=run).update(status=ItemStatus.FAILED, completed_at=now(), lane=None)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.FAILED, completed_at=now())
    all_close(run_id=run.pk)
    return run


def _exported(project: Project) -> Run:
    run = export_start(project)
    file_make(run)
    return run


#: What must be so for the request to succeed; a started run where nothing is said.
STATES: dict[str, Callable[[Project], Run]] = {
    "/resume": _paused,
    "/retry-failed": _failed,
    "/retry/": _failed,
    "/file": _exported,
}


#: A webhook as it is asked for.
HOOK = {"url": "https://hooks.example.com/", "events": ["run.ended"]}


def _token() -> dict[str, str]:
    return {"refresh": str(RefreshToken.for_user(user_make()))}


BODIES: dict[Route, Callable[[], Any]] = {
    ("POST", "/sign-in/"): lambda: {"username": "new", "password": "secret"},
    ("POST", "/projects/new/"): lambda: {"name": "New"},
    ("POST", "/projects/import/"): lambda: {
        "document": json.dumps(backlog_document()),
        "action": "import",
    },
    ("POST", "/projects/{project_id}/uploads/"): lambda: {"name": "New", "text": "New"},
    ("POST", "/projects/{project_id}/start/"): lambda: {"type": "GENERATE_ALL_STORIES"},
    ("POST", "/projects/{project_id}/budget/"): lambda: {"monthlyBudgetUsd": "5"},
    ("POST", "/runs/{run_id}/control/"): lambda: {"action": "pause"},
    ("POST", "/runs/{run_id}/budget/"): lambda: {"budgetUsd": "5", "version": "2"},
    ("POST", "/runs/{run_id}/items/"): lambda: {
        "action": "cancel",
        "everything": "1",
        "sure": "1",
    },
    ("POST", "/runs/{run_id}/items/{item_id}/"): lambda: {"priority": "9"},
    ("GET", "/queue/gate/"): lambda: {"action": "close", "model": settings.MODEL},
    ("POST", "/queue/gate/"): lambda: {
        "action": "close",
        "model": settings.MODEL,
        "minutes": "5",
        "reason": "New",
    },
    ("POST", "/projects/{project_id}/cards/"): lambda: {"title": "New"},
    ("POST", "/projects/{project_id}/epics/"): lambda: {"title": "New"},
    ("POST", "/projects/{project_id}/settings/"): lambda: {
        "name": "New",
        "language": "English",
        "version": "1",
    },
    ("POST", "/projects/{project_id}/members/"): lambda: {"username": "new", "role": "viewer"},
    ("POST", "/members/{member_id}/"): lambda: {"role": "editor"},
    ("POST", "/invitations/{invitation_id}/"): lambda: {"action": "accept"},
    ("POST", "/projects/{project_id}/pages/new/"): lambda: {"pageType": "category", "url": "/new"},
    ("POST", "/projects/{project_id}/pages/import/"): lambda: {
        "document": "Page type,URL\ncategory,/new",
        "action": "import",
    },
    ("POST", "/cards/{card_id}/"): lambda: {"title": "New", "version": "1"},
    ("POST", "/epics/{epic_id}/"): lambda: {"title": "New", "version": "1"},
    ("POST", "/epics/{epic_id}/review/"): lambda: {"status": "approved", "version": "1"},
    ("POST", "/stories/{story_id}/"): lambda: {
        "title": "New",
        "userStory": "As a user, I want it.",
        "version": "1",
    },
    ("POST", "/stories/{story_id}/review/"): lambda: {"status": "approved", "version": "1"},
    ("POST", "/subtasks/{subtask_id}/"): lambda: {
        "title": "New",
        "kind": "test",
        "effortHours": "1",
        "version": "1",
    },
    ("POST", "/subtasks/{subtask_id}/review/"): lambda: {"status": "approved", "version": "1"},
    ("POST", "/pages/{page_id}/"): lambda: {
        "url": "/new",
        "pageType": "category",
        "version": "1",
    },
    ("POST", "/pages/{page_id}/review/"): lambda: {"status": "approved", "version": "1"},
    ("POST", "/projects/{project_id}/webhooks/new/"): lambda: HOOK,
    ("POST", "/webhooks/{webhook_id}/"): lambda: {"action": "test"},
    ("POST", f"{API}/projects/{{project_id}}/webhooks"): lambda: HOOK,
    ("PATCH", f"{API}/webhooks/{{webhook_id}}"): lambda: {"events": ["run.paused"]},
    ("POST", f"{API}/tokens"): lambda: {"name": "New"},
    ("POST", f"{API}/auth/token"): lambda: {"username": "new", "password": "secret"},
    ("POST", f"{API}/auth/token/refresh"): _token,
    ("POST", f"{API}/auth/token/revoke"): _token,
    ("POST", f"{API}/projects"): lambda: {"name": "New"},
    ("PATCH", f"{API}/projects/{{project_id}}"): lambda: {"name": "New"},
    ("POST", f"{API}/projects/import"): backlog_document,
    ("POST", f"{API}/projects/{{project_id}}/cards"): lambda: {"title": "New"},
    ("POST", f"{API}/projects/{{project_id}}/epics"): lambda: {"title": "New"},
    ("POST", f"{API}/projects/{{project_id}}/uploads"): lambda: {"name": "New", "text": "New"},
    ("POST", f"{API}/projects/{{project_id}}/members"): lambda: {
        "username": "new",
        "role": "viewer",
    },
    ("PATCH", f"{API}/members/{{member_id}}"): lambda: {"role": "editor"},
    ("PATCH", f"{API}/cards/{{card_id}}"): lambda: {"title": "New"},
    ("PATCH", f"{API}/epics/{{epic_id}}"): lambda: {"title": "New"},
    ("PATCH", f"{API}/stories/{{story_id}}"): lambda: {"title": "New"},
    ("POST", f"{API}/stories/{{story_id}}/subtasks"): lambda: {
        "title": "New",
        "kind": "test",
        "effortHours": 1,
    },
    ("PATCH", f"{API}/subtasks/{{subtask_id}}"): lambda: {"title": "New"},
    ("POST", f"{API}/projects/{{project_id}}/review"): lambda: {
        "kind": "story",
        "items": [{"id": "00000000-0000-7000-8000-000000000000", "version": 1}],
        "status": "approved",
    },
    ("POST", f"{API}/projects/{{project_id}}/pages"): lambda: page_body("/new"),
    ("POST", f"{API}/projects/{{project_id}}/pages/import"): lambda: {"pages": [page_body("/new")]},
    ("PATCH", f"{API}/pages/{{page_id}}"): lambda: {"title": "New"},
    ("POST", f"{API}/stories/lint"): lambda: {"stories": [{"userStory": "As a user, I want it."}]},
    ("POST", f"{API}/gates/{{model}}/close"): lambda: {
        "until": (now() + timedelta(hours=1)).isoformat(),
        "reason": "New",
    },
    ("PATCH", f"{API}/runs/{{run_id}}"): lambda: {"priority": "LOW", "version": 2},
    ("PATCH", f"{API}/runs/{{run_id}}/items/{{item_id}}"): lambda: {"priority": 9},
}


def _later(project: Project) -> dict[str, list[str]]:
    return {"targetIds": [str(Epic.objects.create(project=project, code="E99", title="New").pk)]}


def _ticked(project: Project) -> dict[str, str]:
    story = project.stories.all()[0]
    items = [(story.pk, story.version)]
    item, sure = f"{story.pk}:{story.version}", mark_of(items)
    return {"tab": "stories", "item": item, "sure": sure, "status": "approved"}


#: Bodies that name something of the project.
BODIES_IN: dict[Route, Callable[[Project], Any]] = {
    ("POST", "/projects/{project_id}/review/"): _ticked,
    ("POST", "/projects/{project_id}/remove/"): _ticked,
    ("POST", f"{API}/runs/{{run_id}}/items"): _later,
    ("POST", f"{API}/generation/batch"): lambda project: {
        "projectId": str(project.pk),
        "pages": [page_body("/new")],
    },
}


def _upload(project: Project) -> Upload:
    return Upload.objects.create(
        project=project, name="New", media_type="text/plain", bytes=3, characters=3, text="New"
    )


def _member(project: Project) -> Membership:
    return Membership.objects.get(project=project, user=member_make(project, "viewer"))


def _job(project: Project) -> RunItem:
    page_make(project, "/job")
    return _pages_started(project).items.all()[0]


#: What stands in addresses; it is made for those alone that name it.
PARTS: dict[str, Callable[[Project], Any]] = {
    "model": lambda project: settings.MODEL,
    "project_id": lambda project: project.pk,
    "card_id": lambda project: project.cards.all()[0].pk,
    "epic_id": lambda project: project.epics.all()[0].pk,
    "story_id": lambda project: project.stories.all()[0].pk,
    "page_id": lambda project: page_make(project).pk,
    "subtask_id": lambda project: subtask_make(project.stories.all()[0]).pk,
    "upload_id": lambda project: _upload(project).pk,
    "member_id": lambda project: _member(project).pk,
    "invitation_id": lambda project: _member(project).pk,
    "job_id": lambda project: _job(project).pk,
    # Somebody else's, whoever asks.
    "token_id": lambda project: token_made(project.created_by)[0].pk,
}


def ids_of(route: Route, project: Project) -> dict[str, Any]:
    """What stands in the route's address: parts of the project, and a run where one is needed."""
    ids = {name: make(project) for name, make in PARTS.items() if f"{{{name}}}" in route[1]}
    if "{webhook_id}" in route[1]:
        delivery = delivery_make(webhook_make(project))
        ids |= {"webhook_id": delivery.hook_id, "delivery_id": delivery.message_id}
    if "{run_id}" in route[1]:
        make = next((make for end, make in STATES.items() if route[1].endswith(end)), _started)
        run = make(project)
        ids["run_id"] = run.pk
        ids["run_epic_id"] = ids["item_id"] = run.items.order_by("-order")[0].pk
    return ids


def is_page(route: Route) -> bool:
    """Whether people look at it, and so it takes forms."""
    return not route[1].startswith("/api/") and route[1] not in OPEN


def somebody(who: str, project: Project) -> User | None:
    if who in {"viewer", "editor", "owner"}:
        return member_make(project, who)
    return None if who == "anonymous" else user_make(is_staff=who == "staff")


def body_of(route: Route, project: Project) -> Any:
    """One that is right."""
    made = BODIES_IN.get(route)
    return made(project) if made else BODIES.get(route, dict)()


class Target:
    """A project with what a route's address and body name."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._project = project_make(stories=1)
        self._address = route[1].format(**ids_of(route, self._project))
        self._body = body_of(route, self._project)

    def answer(self, who: str, body: Any = None) -> Any:
        """To the body, or to the one that is right."""
        method, path = self._route
        user, ask = somebody(who, self._project), method.lower()
        body = self._body if body is None else body
        if is_page(self._route):
            browser = Client(raise_request_exception=False)
            if user is not None:
                browser.force_login(user)
            return getattr(browser, ask)(self._address, body)
        client = client_of(user)
        if not path.startswith("/api/") and user is not None:
            client.force_login(user)
        return getattr(client, ask)(self._address, body, format="json")


def answers_of(route: Route) -> Iterator[Any]:
    """To each of WHO; whoever may change something is the last to ask of a target."""
    target = Target(route)
    for who in WHO:
        answer = target.answer(who)
        yield answer
        if route[0] != "GET" and answer.status_code < 400:
            target = Target(route)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("route", table(), ids=" ".join)
def test_route(route: Route) -> None:
    user_make("new")
    found = []
    for answer in answers_of(route):
        found.append(answer.status_code)
        if route[1].startswith(API) and answer.status_code in CODES:
            assert answer.json()["error"]["code"] == CODES[answer.status_code]
            assert answer.json()["data"] is None
            if answer.status_code == 401:
                assert answer["WWW-Authenticate"].startswith("Bearer")
        answer.close()
    assert found == table()[route]


@pytest.mark.django_db(transaction=True)
def test_who_may_not_learns_nothing_from_a_bad_body() -> None:
    for route, statuses in table().items():
        if route[0] in {"POST", "PATCH"} and "{" in route[1]:
            target = Target(route)
            for who, status in zip(WHO, statuses, strict=True):
                if status in {401, 403, 404}:
                    assert target.answer(who, {"colour": "blue"}).status_code == status, route


@pytest.mark.django_db(transaction=True)
def test_an_epic_of_another_run_is_not_there() -> None:
    mine, other = _started(project_make()), _started(project_make())
    client = client_of(mine.project.created_by)
    foreign = other.items.order_by("-order")[0]
    for run in (mine, other):
        url = f"{API}/runs/{run.pk}/epics/{foreign.pk}/cancel"
        assert client.post(url, {}).status_code == 404
    foreign.refresh_from_db()
    assert foreign.status == ItemStatus.PENDING


@pytest.mark.django_db
def test_lists_show_what_one_may_see() -> None:
    first, second = project_make(), project_make()
    seen = {
        "owner": (first.created_by, {first.pk}),
        "viewer": (member_make(second, "viewer"), {second.pk}),
        "stranger": (user_make(), set()),
        "staff": (user_make(is_staff=True), {first.pk, second.pk}),
    }
    for user, expected in seen.values():
        rows = client_of(user).get(f"{API}/projects").json()["data"]
        assert {row["id"] for row in rows} == {str(pk) for pk in expected}


@pytest.mark.django_db
def test_an_inactive_user_is_nobody() -> None:
    project = project_make()
    user = user_make(is_staff=True, is_active=False)
    assert client_of(user).get(f"{API}/projects/{project.pk}").status_code == 404
