"""Subtasks over REST."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from epics.models import Subtask
from epics.selectors import stories_list, subtasks_list
from epics.story_services import story_delete
from tests.factories import client_of, project_make
from tests.threads import race

pytestmark = pytest.mark.django_db

API = "/api/v1"
NEW = {"title": "Draw the tide", "kind": "design", "effortHours": 2.5, "criteria": [1]}


def path_of(project: Any) -> str:
    return f"{API}/stories/{project.stories.order_by('code')[0].pk}/subtasks"


def test_add_read_change_delete() -> None:
    project = project_make(epics=1, stories=1)
    client = client_of(project.created_by)
    answer = client.post(path_of(project), NEW, format="json")
    assert answer.status_code == 201, answer.content
    made = answer.json()["data"]
    assert made["code"] == "E1-S1-T1"
    assert {key: made[key] for key in NEW} == NEW
    assert (made["order"], made["runId"], made["reviewStatus"], made["version"]) == (
        0,
        None,
        "draft",
        1,
    )
    assert made["editedAt"]  # a person's: no run replaces it
    path = f"{API}/subtasks/{made['id']}"
    assert client.get(path).json()["data"] == made
    changed = client.patch(path, {"effortHours": 3, "version": 1}, format="json").json()["data"]
    assert (changed["effortHours"], changed["version"]) == (3.0, 2)
    stale = client.patch(path, {"title": "T", "version": 1}, format="json")
    assert stale.json()["error"]["code"] == "VERSION_CONFLICT"
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_codes_and_orders_go_on() -> None:
    project = project_make(epics=1, stories=1)
    client = client_of(project.created_by)
    made = [client.post(path_of(project), NEW, format="json").json()["data"] for _ in range(3)]
    assert [each["code"] for each in made] == ["E1-S1-T1", "E1-S1-T2", "E1-S1-T3"]
    client.delete(f"{API}/subtasks/{made[0]['id']}")
    fourth = client.post(path_of(project), NEW, format="json").json()["data"]
    assert (fourth["code"], fourth["order"]) == ("E1-S1-T4", 3)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("effortHours", 0),
        ("effortHours", -1),
        ("effortHours", 1000.1),
        ("effortHours", 0.25),
        ("effortHours", 1e300),
        ("effortHours", "2"),
        ("effortHours", True),
        ("effortHours", None),
        ("kind", "magic"),
        ("title", ""),
        ("title", "x" * 501),
        ("description", "x" * 20_001),
        ("order", -1),
        ("criteria", [0]),
        ("criteria", [2]),
        ("criteria", [1.5]),
        ("code", "E1-S1-T9"),
    ],
)
def test_what_is_refused(field: str, value: object) -> None:
    project = project_make(epics=1, stories=1)
    client = client_of(project.created_by)
    for send, path in (
        (client.post, path_of(project)),
        (client.patch, f"{API}/subtasks/{_made(client, project)}"),
    ):
        answer = send(path, {**NEW, field: value}, format="json")
        assert answer.status_code == 400, (path, answer.content)
        assert field in str(answer.json()["error"]["details"])


def _made(client: Any, project: Any) -> str:
    made: str = client.post(path_of(project), NEW, format="json").json()["data"]["id"]
    return made


def test_lists_and_their_filters() -> None:
    project = project_make(epics=2, stories=2)
    client = client_of(project.created_by)
    for story in project.stories.all():
        for _ in range(2):
            client.post(f"{API}/stories/{story.pk}/subtasks", NEW, format="json")

    def codes(query: str) -> list[str]:
        rows = client.get(f"{API}/projects/{project.pk}/subtasks{query}").json()["data"]
        return sorted(row["code"] for row in rows)

    assert len(codes("")) == 8
    epic, story = project.epics.get(code="E2"), project.stories.get(code="E1-S2")
    assert codes("?epic=E2") == codes(f"?epic={epic.pk}")
    assert codes("?epic=E2")[0] == "E2-S1-T1"
    assert codes("?story=E1-S2") == codes(f"?story={story.pk}") == ["E1-S2-T1", "E1-S2-T2"]
    assert codes("?epic=E2&story=E1-S2") == []
    assert codes("?epic=E1&story=E1-S2") == ["E1-S2-T1", "E1-S2-T2"]


def test_codes_are_looked_for_in_the_project_alone() -> None:
    """Other projects have the same ones, and an index has each project's."""
    project = project_make(epics=1, stories=1)
    with CaptureQueriesContext(connection) as queries:
        assert len(list(stories_list(project=project, epic="E1"))) == 1
        assert list(subtasks_list(project=project, epic="E1", story="E1-S1")) == []
    by_epic, by_both = [each["sql"] for each in queries if " FROM " in each["sql"]][:2]
    assert '"epics_epic"."project_id" =' in by_epic
    assert '"epics_epic"."project_id" =' in by_both
    assert '"epics_story"."project_id" =' in by_both


def test_a_story_has_so_many_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epics.bounds.MAX_SUBTASKS_OF_STORY", 2)
    project = project_make(epics=1, stories=1)
    client = client_of(project.created_by)
    found = [client.post(path_of(project), NEW, format="json").status_code for _ in range(3)]
    assert found == [201, 201, 400]


def test_the_same_key_adds_one() -> None:
    project = project_make(epics=1, stories=1)
    client = client_of(project.created_by)
    for _ in range(2):
        client.post(path_of(project), NEW, format="json", headers={"Idempotency-Key": "k"})
    assert Subtask.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_each_has_its_code() -> None:
    project = project_make(epics=1, stories=1)
    client = client_of(project.created_by)
    found = race(*[lambda: client.post(path_of(project), NEW, format="json").status_code] * 6)
    assert found == [201] * 6
    assert len(set(Subtask.objects.values_list("code", flat=True))) == 6


@pytest.mark.django_db(transaction=True)
def test_one_for_a_story_that_goes_at_that_moment() -> None:
    project = project_make(epics=1, stories=1)
    story, path = project.stories.get(), path_of(project)
    client = client_of(project.created_by)
    added, _ = race(
        lambda: client.post(path, NEW, format="json").status_code,
        lambda: story_delete(story_id=story.pk),
    )
    assert added in {201, 404}
    assert not Subtask.objects.exists()
