"""Who may do what on every route of the backlog."""

from collections.abc import Callable
from typing import Any

import pytest

from epics.models import Project
from tests.factories import backlog_document, client_of, member_make, project_make, user_make

pytestmark = pytest.mark.django_db

API = "/api/v1"
WHO = ["anonymous", "stranger", "viewer", "editor", "member-owner", "creator", "staff"]
#: What each of WHO gets.
READS = [401, 404, 200, 200, 200, 200, 200]
WRITES = [401, 404, 403, 200, 200, 200, 200]
CREATES = [401, 404, 403, 201, 201, 201, 201]
DELETES = [401, 404, 403, 204, 204, 204, 204]
OWNS = [401, 404, 403, 403, 204, 204, 204]
ANYBODY = [401, 200, 200, 200, 200, 200, 200]
ANYBODY_CREATES = [401, 201, 201, 201, 201, 201, 201]

ROUTES: list[tuple[str, str, Any, list[int]]] = [
    ("get", "/projects", None, ANYBODY),
    ("post", "/projects", {"name": "New"}, ANYBODY_CREATES),
    ("post", "/projects/import", backlog_document(), ANYBODY_CREATES),
    ("get", "/projects/{project}", None, READS),
    ("patch", "/projects/{project}", {"name": "New"}, WRITES),
    ("delete", "/projects/{project}", None, OWNS),
    ("get", "/projects/{project}/export", None, READS),
    ("get", "/projects/{project}/cards", None, READS),
    ("post", "/projects/{project}/cards", {"title": "New"}, CREATES),
    ("get", "/projects/{project}/epics", None, READS),
    ("post", "/projects/{project}/epics", {"title": "New"}, CREATES),
    ("get", "/projects/{project}/stories", None, READS),
    ("get", "/cards/{card}", None, READS),
    ("patch", "/cards/{card}", {"title": "New"}, WRITES),
    ("delete", "/cards/{card}", None, DELETES),
    ("get", "/epics/{epic}", None, READS),
    ("patch", "/epics/{epic}", {"title": "New"}, WRITES),
    ("delete", "/epics/{epic}", None, DELETES),
    ("get", "/epics/{epic}/stories", None, READS),
    ("get", "/stories/{story}", None, READS),
    ("patch", "/stories/{story}", {"title": "New"}, WRITES),
    ("delete", "/stories/{story}", None, DELETES),
]


def somebody(who: str, project: Project) -> Any:
    makers: dict[str, Callable[[], Any]] = {
        "anonymous": lambda: None,
        "stranger": user_make,
        "viewer": lambda: member_make(project, "viewer"),
        "editor": lambda: member_make(project, "editor"),
        "member-owner": lambda: member_make(project, "owner"),
        "creator": lambda: project.created_by,
        "staff": lambda: user_make(is_staff=True),
    }
    return makers[who]()


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize(("method", "path", "body", "expected"), ROUTES)
def test_route(method: str, path: str, body: Any, expected: list[int], who: str) -> None:
    project = project_make(stories=1)
    ids = {
        "project": project.pk,
        "card": project.cards.all()[0].pk,
        "epic": project.epics.all()[0].pk,
        "story": project.stories.all()[0].pk,
    }
    client = client_of(somebody(who, project))
    answer = getattr(client, method)(API + path.format(**ids), body, format="json")
    assert answer.status_code == expected[WHO.index(who)]
    if answer.status_code == 401:
        assert answer["WWW-Authenticate"].startswith("Bearer")
    if answer.status_code >= 400:
        codes = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND"}
        assert answer.json()["error"]["code"] == codes[answer.status_code]
        assert answer.json()["data"] is None
    answer.close()


def test_lists_show_what_one_may_see() -> None:
    first, second = project_make(), project_make()
    seen = {
        "creator": (first.created_by, {first.pk}),
        "viewer": (member_make(second, "viewer"), {second.pk}),
        "stranger": (user_make(), set()),
        "staff": (user_make(is_staff=True), {first.pk, second.pk}),
    }
    for user, expected in seen.values():
        rows = client_of(user).get(f"{API}/projects").json()["data"]
        assert {row["id"] for row in rows} == {str(pk) for pk in expected}


def test_an_inactive_user_is_nobody() -> None:
    project = project_make()
    user = user_make(is_staff=True, is_active=False)
    assert client_of(user).get(f"{API}/projects/{project.pk}").status_code == 404
