"""Epics and stories over REST."""

import re
import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from batchgen.errors import BatchgenError
from epics import selectors
from epics.models import Epic, Project, Story
from epics.services import epic_update
from tests.factories import client_of, project_make

pytestmark = pytest.mark.django_db

API = "/api/v1"


def patch(project: Project, code: str, /, **body: Any) -> Any:
    epic = project.epics.get(code=code)
    return client_of(project.created_by).patch(f"{API}/epics/{epic.pk}", body, format="json")


def test_an_epic_as_the_contract_has_it() -> None:
    project = project_make(stories=2)
    client = client_of(project.created_by)
    body = {
        "code": "X",
        "title": "Tides",
        "theme": "Sea",
        "description": "d",
        "businessValue": "b",
        "acceptanceCriteria": ["one"],
        "dependencies": ["E1"],
        "effort": "L",
        "impact": "high",
        "priority": 3,
        "cardCodes": ["C4", "C2"],
    }
    answer = client.post(f"{API}/projects/{project.pk}/epics", body, format="json")
    assert answer.status_code == 201
    created = answer.json()["data"]
    assert {key: created[key] for key in body} == body
    assert (created["storyCount"], created["storiesOutdated"]) == (0, False)
    listed = client.get(f"{API}/projects/{project.pk}/epics").json()["data"]
    assert [epic["code"] for epic in listed] == ["E1", "E2", "X"]
    assert [epic["storyCount"] for epic in listed] == [2, 2, 0]
    assert listed[0]["cardCodes"] == ["C1", "C2", "C3"]


@pytest.mark.parametrize(
    ("body", "field", "part"),
    [
        ({"title": ""}, "title", "blank"),
        ({"cardCodes": ["C99"]}, "cardCodes", "C99"),
        ({"cardCodes": ["C1", "C1"]}, "cardCodes", "twice"),
        ({"dependencies": ["E9"]}, "dependencies", "E9"),
        ({"dependencies": ["E2", "E2"]}, "dependencies", "twice"),
        ({"dependencies": ["E1"]}, "dependencies", "E1 → E1"),
        ({"acceptanceCriteria": ["fine", "x" * 2001]}, "acceptanceCriteria[1]", "2000"),
        ({"description": "x" * 100_000}, "description", "20000"),
        ({"priority": "high"}, "priority", "integer"),
        ({"code": "E2"}, "code", "E2 is taken"),
        ({"version": 0}, "version", "1"),
        ({"version": "x"}, "version", "integer"),
        ({"colour": "blue"}, "colour", "no such field"),
    ],
)
def test_a_bad_change_is_refused_and_changes_nothing(
    body: dict[str, Any], field: str, part: str
) -> None:
    project = project_make()
    answer = patch(project, "E1", **body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "VALIDATION_ERROR")
    assert part in " ".join(error["details"][field])
    epic = project.epics.get(code="E1")
    assert (epic.version, epic.title, epic.epic_cards.count()) == (1, "Epic 1", 3)


def test_a_cycle_over_several_epics_is_named() -> None:
    project = project_make(epics=3)
    assert patch(project, "E1", dependencies=["E2"]).status_code == 200
    assert patch(project, "E2", dependencies=["E3"]).status_code == 200
    error = patch(project, "E3", dependencies=["E1"]).json()["error"]
    [message] = error["details"]["dependencies"]
    assert all(code in message for code in ("E1", "E2", "E3"))
    assert project.epics.get(code="E3").dependencies == []


@pytest.mark.parametrize(
    ("body", "outdated"),
    [
        ({"title": "New"}, True),
        ({"description": "New"}, True),
        ({"acceptanceCriteria": ["New"]}, True),
        ({"cardCodes": ["C1"]}, True),
        ({"cardCodes": ["C3", "C2", "C1"]}, True),
        ({"cardCodes": ["C1", "C2", "C3"]}, False),
        ({"title": "Epic 1"}, False),
        ({"priority": 9}, False),
        ({}, False),
    ],
)
def test_a_changed_epic_has_outdated_stories(body: dict[str, Any], outdated: bool) -> None:
    project = project_make(stories=1)
    answer = patch(project, "E1", **body)
    assert answer.json()["data"]["storiesOutdated"] is outdated
    assert project.epics.get(code="E2").stories_outdated is False


def test_dependents_follow_a_new_code_and_a_deletion() -> None:
    project = project_make(epics=3)
    patch(project, "E2", dependencies=["E1", "E3"])
    assert patch(project, "E1", code="FIRST").status_code == 200
    assert project.epics.get(code="E2").dependencies == ["FIRST", "E3"]
    gone = project.epics.get(code="E3")
    assert client_of(project.created_by).delete(f"{API}/epics/{gone.pk}").status_code == 204
    assert project.epics.get(code="E2").dependencies == ["FIRST"]


@pytest.mark.django_db(transaction=True)
def test_two_changes_at_once_cannot_make_a_cycle() -> None:
    project = project_make(epics=2)
    ids = dict(project.epics.values_list("code", "id"))
    barrier, outcomes = threading.Barrier(2), []

    def depend(code: str, on: str) -> None:
        barrier.wait()
        try:
            epic_update(epic_id=ids[code], changes={"dependencies": [on]})
            outcomes.append("done")
        except BatchgenError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=depend, args=pair) for pair in (("E1", "E2"), ("E2", "E1"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["VALIDATION_ERROR", "done"]


@pytest.mark.django_db(transaction=True)
def test_of_equal_changes_at_once_one_wins() -> None:
    project = project_make(epics=1)
    epic = project.epics.get()
    barrier, outcomes = threading.Barrier(8), []

    def change(number: int) -> None:
        barrier.wait()
        try:
            epic_update(epic_id=epic.pk, changes={"title": f"T{number}"}, version=1)
            outcomes.append("done")
        except BatchgenError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["VERSION_CONFLICT"] * 7 + ["done"]
    assert Epic.objects.get().version == 2


# Stories --------------------------------------------------------------------------------------


def test_a_story_as_the_contract_has_it() -> None:
    project = project_make(epics=1, stories=1)
    run_id = uuid4()
    Story.objects.update(
        run_id=run_id, quality_score=80, defects=[{"criterion": "atomic", "message": "two"}]
    )
    story = Story.objects.get()
    data = client_of(project.created_by).get(f"{API}/stories/{story.pk}").json()["data"]
    assert data.pop("createdAt").endswith("Z")
    assert data == {
        "id": str(story.pk),
        "epicId": str(story.epic_id),
        "code": "E1-S1",
        "title": "Story E1-S1",
        "userStory": "As a skipper, I want to see the tide, so that I leave in time.",
        "persona": "skipper",
        "acceptanceCriteria": ["The tide of today is shown."],
        "technicalNotes": None,
        "priority": "high",
        "effort": "S",
        "quality": {"score": 80, "defects": [{"criterion": "atomic", "message": "two"}]},
        "runId": str(run_id),
        "editedAt": None,
        "reviewStatus": "draft",
        "reviewNote": "",
        "version": 1,
    }


def test_an_edited_story_says_so_and_loses_its_old_judgement() -> None:
    project = project_make(epics=1, stories=1)
    Story.objects.update(quality_score=80, defects=[{"message": "two"}])
    url = f"{API}/stories/{Story.objects.get().pk}"
    client = client_of(project.created_by)
    kept = client.patch(url, {"priority": "low"}).json()["data"]
    assert (kept["quality"]["score"], kept["editedAt"] is None) == (80, False)
    changed = client.patch(url, {"userStory": "As a cook, I want salt.", "version": 2})
    assert changed.json()["data"]["quality"] == {"score": None, "defects": []}
    assert client.patch(url, {"title": "x", "version": 2}).status_code == 409
    assert client.patch(url, {"priority": "urgent"}).status_code == 400
    assert client.patch(url, {"title": ""}).status_code == 400
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


def test_stories_are_filtered() -> None:
    project = project_make(epics=2, stories=2)
    epic = project.epics.get(code="E2")
    Story.objects.filter(code="E2-S2").update(persona="Cook", user_story="As a cook, 50% salt.")
    client, url = client_of(project.created_by), f"{API}/projects/{project.pk}/stories"
    for query, codes in (
        ({}, ["E1-S1", "E1-S2", "E2-S1", "E2-S2"]),
        ({"epic": "E2"}, ["E2-S1", "E2-S2"]),
        ({"epic": str(epic.pk)}, ["E2-S1", "E2-S2"]),
        ({"epic": "E3"}, []),
        ({"persona": "cook"}, ["E2-S2"]),
        ({"q": "50%"}, ["E2-S2"]),
        ({"q": "e1-s"}, ["E1-S1", "E1-S2"]),
        ({"epic": "E1", "persona": "cook"}, []),
    ):
        found = client.get(url, query).json()["data"]
        assert [story["code"] for story in found] == codes, query
    of_epic = client.get(f"{API}/epics/{epic.pk}/stories").json()["data"]
    assert [story["code"] for story in of_epic] == ["E2-S1", "E2-S2"]
    assert client.get(url, {"epic": "x" * 51}).status_code == 400


def test_searches_of_stories_have_an_index() -> None:
    project = project_make(stories=3)
    Story.objects.filter(project=project).update(persona="Harbour master")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        # On so few rows any other index would do as well.
        cursor.execute("DROP INDEX story_of_project")
        for stories in (
            selectors.stories_list(project=project, search="the tide"),
            selectors.stories_list(project=project, persona="harbour MASTER"),
        ):
            found = stories.queryset().order_by()
            assert found.count() == 6
            plan = found.explain()
            assert "story_search" in plan
            assert re.search(r"Index Cond: .*project_id = .* AND .*upper", plan), plan


def test_a_search_finds_nothing_across_title_and_story() -> None:
    project = project_make(epics=1, stories=1)
    Story.objects.update(title="Sail", user_story="on time")
    client = client_of(project.created_by)
    for q, count in (("SAIL", 1), ("on t", 1), ("sail on", 0), ("%", 0), ("_", 0)):
        rows = client.get(f"{API}/projects/{project.pk}/stories", {"q": q}).json()["data"]
        assert len(rows) == count, q
    refused = client.get(f"{API}/projects/{project.pk}/stories", {"q": "sail\non"})
    assert refused.status_code == 400
