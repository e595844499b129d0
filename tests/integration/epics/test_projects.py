"""Projects and cards over REST."""

from typing import Any
from uuid import uuid4

import pytest

from epics.models import Card, Epic, Project, Story
from epics.services import project_create
from runs.models import Run
from tests.factories import client_of, project_make, user_make

pytestmark = pytest.mark.django_db

API = "/api/v1"


def run_make(project: Project, **fields: Any) -> Run:
    defaults = {
        "type": "GENERATE_ALL_STORIES",
        "max_concurrency": 1,
        "provider": "simulator",
        "model": "m",
        "max_tokens": 1,
        "total_items": 1,
    }
    return Run.objects.create(project=project, **defaults | fields)


def test_create_and_read() -> None:
    client = client_of(user_make())
    created = client.post(f"{API}/projects", {"name": " Tides ", "context": "a\nb"}).json()["data"]
    read = client.get(f"{API}/projects/{created['id']}").json()
    assert read == {"data": created, "error": None}
    assert created["name"] == "Tides"
    assert created["createdAt"].endswith("Z")
    figures = ("epicCount", "cardCount", "storyCount", "activeRunId", "version")
    assert [created[key] for key in figures] == [0, 0, 0, None, 1]


def test_counts_and_the_active_run() -> None:
    project = project_make(epics=2, cards=3, stories=2)
    url = f"{API}/projects/{project.pk}"
    client = client_of(project.created_by)
    run = run_make(project)
    found = client.get(url).json()["data"]
    figures = ("epicCount", "cardCount", "storyCount", "activeRunId")
    assert [found[key] for key in figures] == [2, 6, 4, str(run.pk)]
    Run.objects.update(status="CANCELLED", draining=True)
    assert client.get(url).json()["data"]["activeRunId"] is None


@pytest.mark.parametrize(
    "path", ["projects", "projects/{}/cards", "projects/{}/epics", "projects/{}/stories"]
)
def test_a_list_never_costs_a_query_a_row(path: str, django_assert_num_queries: Any) -> None:
    user = user_make()
    project = project_make(user, epics=10, cards=3, stories=3)
    for _ in range(5):
        project_make(user)
    run_make(project)
    url = f"{API}/{path.format(project.pk)}"
    with django_assert_num_queries(2 if path == "projects" else 4):
        assert len(client_of(user).get(url).json()["data"]) >= 6


def test_patch_takes_a_version_and_a_stale_one_changes_nothing() -> None:
    project = project_make()
    client, url = client_of(project.created_by), f"{API}/projects/{project.pk}"
    first = client.patch(url, {"name": "One", "version": 1})
    assert (first.status_code, first.json()["data"]["version"]) == (200, 2)
    stale = client.patch(url, {"name": "Two", "version": 1})
    assert stale.status_code == 409
    assert stale.json()["error"]["code"] == "VERSION_CONFLICT"
    assert stale.json()["error"]["details"] == {"version": 2}
    assert client.patch(url, {"name": "Three"}).json()["data"]["version"] == 3
    assert Project.objects.get().name == "Three"


def test_what_cannot_be_written_is_named() -> None:
    project = project_make(stories=1)
    client = client_of(project.created_by)
    parts = {
        "projects": project.pk,
        "cards": project.cards.all()[0].pk,
        "epics": project.epics.all()[0].pk,
        "stories": project.stories.all()[0].pk,
    }
    for kind, pk in parts.items():
        url = f"{API}/{kind}/{pk}"
        read = client.get(url).json()["data"]
        refused = client.patch(url, read, format="json")
        assert refused.status_code == 400
        told = refused.json()["error"]["details"]
        assert set(map(tuple, told.values())) == {("This field cannot be written.",)}
        assert "id" in told
        assert client.get(url).json()["data"] == read
        writable = {key: value for key, value in read.items() if key not in told}
        changed = client.patch(url, writable, format="json").json()["data"]
        assert changed.pop("version") == read.pop("version") + 1
        assert {**read, **changed, "updatedAt": None} == {**read, "updatedAt": None}


def test_lists_are_ordered_as_asked() -> None:
    project = project_make(epics=2, cards=2, stories=2)
    client = client_of(project.created_by)
    Project.objects.filter(pk=project.pk).update(name="B")
    client.post(f"{API}/projects", {"name": "A"})
    for path, field, orders in (
        ("projects", "name", {"": "AB", "createdAt": "BA", "name": "AB", "-name": "BA"}),
        (f"projects/{project.pk}/epics", "code", {"": "12", "-order": "21", "-title": "21"}),
        (f"projects/{project.pk}/cards", "code", {"": "1234", "code": "1234", "-code": "4321"}),
    ):
        for order, expected in orders.items():
            query = {"order": order} if order else {}
            rows = client.get(f"{API}/{path}", query).json()["data"]
            assert "".join(row[field][-1] for row in rows) == expected
    stories = [
        [row["id"] for row in client.get(f"{API}/projects/{project.pk}/stories{q}").json()["data"]]
        for q in ("", "?order=-createdAt")
    ]
    assert stories[0] == stories[1][::-1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("order=size", "order"),
        ("order=", "order"),
        ("nmae=x", "nmae"),
        ("q=a&q=b", "q"),
        ("limit=0", "limit"),
        ("q=" + "x" * 201, "q"),
    ],
)
def test_a_bad_parameter_is_named(query: str, field: str) -> None:
    answer = client_of(user_make()).get(f"{API}/projects?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == [field]


@pytest.mark.parametrize(
    ("body", "field", "part"),
    [
        ({}, "name", "required"),
        ({"name": ""}, "name", "blank"),
        ({"name": "  "}, "name", "blank"),
        ({"name": None}, "name", "null"),
        ({"name": 7}, "name", "string"),
        ({"name": "x" * 201}, "name", "200"),
        ({"name": "a\x07b"}, "name", "U+0007"),
        ({"name": "two\nlines"}, "name", "U+000A"),
        ({"name": "x", "context": "x" * 100_000}, "context", "50000"),
        ({"name": "x", "nmae": "y"}, "nmae", "no such field"),
        ([], "nonFieldErrors", "dictionary"),
    ],
)
def test_a_bad_project_is_refused(body: Any, field: str, part: str) -> None:
    answer = client_of(user_make()).post(f"{API}/projects", body, format="json")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "VALIDATION_ERROR")
    assert part in " ".join(error["details"][field])
    assert not Project.objects.exists()


def test_delete_takes_everything_along() -> None:
    project, other = project_make(stories=2), project_make(stories=1)
    run_make(project, status="SUCCEEDED", completed_at="2026-01-01T00:00:00Z")
    url = f"{API}/projects/{project.pk}"
    client = client_of(project.created_by)
    assert client.delete(url).status_code == 204
    assert client.delete(url).status_code == 404
    for model in (Epic, Card, Story):
        assert set(model._default_manager.values_list("project", flat=True)) == {other.pk}


@pytest.mark.parametrize("fields", [{}, {"status": "CANCELLED", "draining": True}])
def test_a_project_with_an_active_run_stays(fields: dict[str, Any]) -> None:
    project = project_make()
    run = run_make(project, **fields)
    answer = client_of(project.created_by).delete(f"{API}/projects/{project.pk}")
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "RUN_ALREADY_ACTIVE"
    assert answer.json()["error"]["details"] == {"runId": str(run.pk)}
    assert project.epics.count() == 2


def test_what_is_not_there() -> None:
    client = client_of(user_make(is_staff=True))
    for kind in ("projects", "cards", "epics", "stories"):
        assert client.get(f"{API}/{kind}/{uuid4()}").status_code == 404
        assert client.get(f"{API}/{kind}/no-uuid").json()["error"]["code"] == "NOT_FOUND"


def test_projects_are_searched() -> None:
    user = user_make()
    project_make(user)
    project_create(user=user, fields={"name": "100% other_thing"})
    client = client_of(user)
    for q, count in (("tID", 1), ("100%", 1), ("r_t", 1), ("_____x", 0), ("", 2)):
        assert len(client.get(f"{API}/projects", {"q": q}).json()["data"]) == count
    assert client.get(f"{API}/projects?q=%00").status_code == 400


# Cards ----------------------------------------------------------------------------------------


def test_a_card_gets_the_next_code_and_place() -> None:
    project = project_make(epics=1, cards=2)
    url = f"{API}/projects/{project.pk}/cards"
    client = client_of(project.created_by)
    Card.objects.filter(code="C2").update(code="C3")
    codes = [client.post(url, {"title": "New"}).json()["data"]["code"] for _ in range(2)]
    assert codes == ["C4", "C5"]
    taken = client.post(url, {"title": "New", "code": "C1"})
    assert (taken.status_code, list(taken.json()["error"]["details"])) == (400, ["code"])
    listed = client.get(url).json()["data"]
    assert [card["code"] for card in listed] == ["C1", "C3", "C4", "C5"]


@pytest.mark.parametrize(
    ("body", "outdated"),
    [
        ({"statement": "As a cook, I want salt."}, True),
        ({"systems": ["scale"]}, True),
        ({"title": "Card 1"}, False),
        ({"code": "C77"}, False),
    ],
)
def test_a_changed_card_makes_stories_outdated(body: dict[str, Any], outdated: bool) -> None:
    project = project_make(stories=1)
    card = project.cards.get(code="C1")
    answer = client_of(project.created_by).patch(f"{API}/cards/{card.pk}", body, format="json")
    assert answer.status_code == 200
    marked = {epic.code for epic in project.epics.filter(stories_outdated=True)}
    assert marked == ({"E1"} if outdated else set())


def test_an_epic_without_stories_has_none_outdated() -> None:
    project = project_make()
    card = project.cards.get(code="C1")
    client_of(project.created_by).patch(f"{API}/cards/{card.pk}", {"title": "New"})
    assert not project.epics.filter(stories_outdated=True).exists()


def test_a_deleted_card_makes_stories_outdated() -> None:
    project = project_make(stories=1)
    card = project.cards.get(code="C4")
    assert client_of(project.created_by).delete(f"{API}/cards/{card.pk}").status_code == 204
    assert project.epics.get(stories_outdated=True).code == "E2"


def test_a_card_cannot_take_the_code_of_another() -> None:
    project = project_make()
    card = project.cards.get(code="C1")
    answer = client_of(project.created_by).patch(f"{API}/cards/{card.pk}", {"code": "C2"})
    assert answer.status_code == 400
    card.refresh_from_db()
    assert (card.code, card.version) == ("C1", 1)
