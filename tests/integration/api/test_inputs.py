"""Inputs are taken as JSON means them, and no other way."""

from typing import Any

import pytest

from tests.factories import client_of, project_make, user_make

pytestmark = pytest.mark.django_db

API = "/api/v1"


def refused(answer: Any) -> set[str]:
    assert answer.status_code == 400, answer.content
    return set(answer.json()["error"]["details"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("maxConcurrency", "2"),
        ("maxConcurrency", 1.5),
        ("maxConcurrency", True),
        ("deadline", "2026-11-30"),
        ("deadline", "2026-11-30T09:30:00"),
        ("deadline", "20261130T093000Z"),
        ("deadline", 1764495000),
    ],
)
def test_no_other_type_is_made_into_the_one_that_is_asked_for(field: str, value: Any) -> None:
    project = project_make()
    answer = client_of(project.created_by).post(f"{API}/projects/{project.pk}/runs", {field: value})
    assert refused(answer) == {field}


@pytest.mark.parametrize("value", [0, "true", "yes", None])
def test_a_flag_is_true_or_false(value: Any) -> None:
    body = {"stories": [{"userStory": "As a user, I want it."}], "wholeProduct": value}
    assert refused(client_of(user_make()).post(f"{API}/stories/lint", body)) == {"wholeProduct"}


@pytest.mark.parametrize("form", ["{}", "{{{}}}", "urn:uuid:{}"])
def test_an_id_has_one_form(form: str) -> None:
    project = project_make()
    epic = project.epics.all()[0].pk
    text = form.format(epic.hex if form == "{}" else epic)
    for value in (text, epic.int):
        body = {"epicIds": [value]}
        answer = client_of(project.created_by).post(f"{API}/projects/{project.pk}/runs", body)
        assert refused(answer) == {"epicIds[0]"}


def test_a_whole_number_may_be_written_with_a_point() -> None:
    project = project_make()
    body = '{"maxConcurrency": 2.0}'
    client = client_of(project.created_by)
    url = f"{API}/projects/{project.pk}/runs"
    answer = client.post(url, body, content_type="application/json")
    assert answer.status_code == 202
    assert answer.json()["data"]["maxConcurrency"] == 2
    epic = '{"code": "E1", "title": "E", "priority": 3.0}'
    body = f'{{"project": {{"name": "P"}}, "cards": [], "epics": [{epic}]}}'
    answer = client.post(f"{API}/projects/import", body, content_type="application/json")
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("field", "text"), [("name", "n" * 200 + " "), ("code", " " * 51), ("code", "\u001e")]
)
def test_a_text_is_not_made_to_fit(field: str, text: str) -> None:
    body = {"name": "Tides", field: text}
    assert refused(client_of(user_make()).post(f"{API}/projects", body)) == {field}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("value", ["1", "yes", "True", ""])
def test_a_flag_in_a_query_is_true_or_false(value: str) -> None:
    project = project_make()
    client = client_of(project.created_by)
    url = f"{API}/projects/{project.pk}/runs"
    run_id = client.post(url, {}).json()["data"]["runId"]
    assert refused(client.get(f"{API}/runs/{run_id}", {"effective": value})) == {"effective"}
    shown = client.get(f"{API}/runs/{run_id}", {"effective": "true"}).json()["data"]
    assert shown["effectiveRunIds"] == [run_id]
    for text in ("+1", " 1", "1.0", "٣"):
        assert refused(client.get(f"{API}/runs/{run_id}/logs", {"after": text})) == {"after"}


def test_a_patch_needs_no_field_but_those_it_names() -> None:
    project = project_make()
    client = client_of(project.created_by)
    assert client.patch(f"{API}/projects/{project.pk}", {}).status_code == 200
    member = project.memberships.get()
    assert refused(client.patch(f"{API}/members/{member.pk}", {})) == {"role"}


def test_an_import_takes_times_with_their_zone_alone() -> None:
    story = {"code": "S", "title": "T", "userStory": "U", "editedAt": 1764495000}
    epic = {"code": "E1", "title": "E", "stories": [story]}
    document: dict[str, Any] = {"project": {"name": "P"}, "cards": [], "epics": [epic]}
    client = client_of(user_make())
    story["editedAt"] = "0339-11-26T20:14:05-21:26"
    assert client.post(f"{API}/projects/import", document).status_code == 201
    for value in (1764495000, "1764495000", "2026-11-30", "0001-01-01T00:00:00+01:00"):
        story["editedAt"] = value
        answer = client.post(f"{API}/projects/import", document)
        assert refused(answer) == {"epics[0].stories[0].editedAt"}
