"""POST /projects/{id}/runs: what starts, who may, and what is refused without a trace."""

from typing import Any

import pytest
from django.conf import settings

from content import registry
from epics.models import Epic, Project
from runs.models import Lane, Run, RunItem
from tests.integration.engine.world import World, project_make
from tests.integration.runs_api.world import ANYBODY, client_of, post

pytestmark = pytest.mark.django_db(transaction=True)


def start(project: Project, body: object, *, status: int = 202, name: str = "ada") -> Any:
    return post(client_of(name), f"/projects/{project.pk}/runs", body, status=status)


def test_an_empty_body_starts_the_contracts_defaults() -> None:
    project = project_make(epics=3)
    answer = start(project, {})
    data = answer["data"]
    assert answer["error"] is None
    run = Run.objects.get(pk=data["runId"])
    assert (data["projectId"], data["type"]) == (str(project.pk), "GENERATE_ALL_STORIES")
    assert (data["mode"], data["personaSet"], data["pacingProfile"]) == (
        "standard",
        "core",
        "normal",
    )
    assert (data["priority"], data["maxConcurrency"]) == ("NORMAL", 2)
    assert (data["status"], data["totalEpics"], data["pendingEpics"]) == ("QUEUED", 3, 3)
    assert data["warnings"] == []
    assert data["estimatedDurationMs"] == 2 * 20_000 + 1000
    assert run.created_by is not None
    assert run.created_by.username == "ada"
    assert not run.options["skip_quality_check"]


def test_every_choice_of_the_body_is_kept() -> None:
    project = project_make(epics=4)
    wanted = list(Epic.objects.filter(project=project, code__in=["E2", "E4"]))
    data = start(
        project,
        {
            "type": "GENERATE_ALL_STORIES",
            "mode": "comprehensive",
            "personaSet": "cards",
            "pacingProfile": "fast",
            "priority": "HIGH",
            "epicIds": [str(e.pk) for e in wanted],
            "maxConcurrency": 7,
            "options": {"skipQualityCheck": True},
        },
    )["data"]
    run = Run.objects.get(pk=data["runId"])
    assert (run.options["mode"], run.options["persona_set"], run.pacing_profile) == (
        "comprehensive",
        "cards",
        "fast",
    )
    assert (run.priority, run.max_concurrency) == ("HIGH", 7)
    assert run.options["skip_quality_check"]
    assert data["options"] == {
        "keepEdited": True,
        "keepApproved": True,
        "skipQualityCheck": True,
        "language": "",
        "instructions": "",
    }
    assert set(RunItem.objects.filter(run=run).values_list("code", flat=True)) == {"E2", "E4"}
    assert Lane.objects.filter(run=run).count() == 2, "a lane for each of its epics"


def test_a_null_priority_concurrency_and_epics_are_the_programs_choice() -> None:
    data = start(project_make(), {"priority": None, "maxConcurrency": None, "epicIds": None})[
        "data"
    ]
    assert (data["priority"], data["maxConcurrency"], data["totalEpics"]) == ("NORMAL", 2, 3)


def test_generate_stories_takes_exactly_one_epic() -> None:
    project = project_make()
    ids = [str(pk) for pk in Epic.objects.filter(project=project).values_list("pk", flat=True)]
    body = {"type": "GENERATE_STORIES", "epicIds": ids[:2]}
    refused = start(project, body, status=400)
    assert "epicIds" in refused["error"]["details"]
    assert start(project, {**body, "epicIds": ids[:1]})["data"]["totalEpics"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"modes": "standard"}, "modes"),
        ({"options": {"skipQuality": True}}, "options.skipQuality"),
        ({"options": []}, "options"),
        ({"options": {"skipQualityCheck": "maybe"}}, "options.skipQualityCheck"),
        ({"mode": "epic"}, "mode"),
        ({"mode": None}, "mode"),
        ({"mode": ["standard"]}, "mode"),
        ({"type": "GENERATE"}, "type"),
        ({"personaSet": "all"}, "personaSet"),
        ({"pacingProfile": "warp"}, "pacingProfile"),
        ({"priority": "URGENT"}, "priority"),
        ({"maxConcurrency": 0}, "maxConcurrency"),
        ({"maxConcurrency": 10_001}, "maxConcurrency"),
        ({"maxConcurrency": "many"}, "maxConcurrency"),
        ({"maxConcurrency": 10**30}, "maxConcurrency"),
        ({"epicIds": []}, "epicIds"),
        ({"epicIds": "E1"}, "epicIds"),
        ({"epicIds": ["E1"]}, "epicIds[0]"),
        ({"epicIds": [ANYBODY]}, "epicIds"),
        ([], "nonFieldErrors"),
    ],
)
def test_a_bad_body_names_the_field_and_starts_nothing(body: object, field: str) -> None:
    answer = start(project_make(), body, status=400)
    assert answer["data"] is None
    assert answer["error"]["code"] == "VALIDATION_ERROR"
    assert list(answer["error"]["details"]) == [field]
    assert not Run.objects.exists()
    assert not RunItem.objects.exists()


def test_a_type_that_no_kind_has_is_refused_with_those_that_some_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "_KINDS", {"stories": registry.kind_named("stories")})
    answer = start(project_make(), {"type": "EXPORT"}, status=400)
    assert answer["error"]["details"] == {
        "type": ['"EXPORT" is none of GENERATE_STORIES, GENERATE_ALL_STORIES.']
    }
    assert not Run.objects.exists()


def test_the_document_offers_the_types_that_run(client: Any) -> None:
    schemas = client.get("/api/schema", {"format": "json"}).json()["components"]["schemas"]
    assert schemas["RunType"]["enum"] == registry.run_types()


def test_without_epics_there_is_nothing_to_start() -> None:
    answer = start(project_make(epics=0), {}, status=400)
    assert answer["error"]["message"] == "There are no epics to process."
    assert not Run.objects.exists()


def test_an_epic_of_another_project_is_unknown_here() -> None:
    other = Epic.objects.filter(project=project_make(name="Other")).first()
    assert other is not None
    answer = start(project_make(), {"epicIds": [str(other.pk)]}, status=400)
    assert str(other.pk) in answer["error"]["details"]["epicIds"][0]


def test_a_second_active_run_is_refused_and_the_first_named() -> None:
    world = World.make()
    answer = start(world.run.project, {}, status=409)
    assert answer["error"]["code"] == "RUN_ALREADY_ACTIVE"
    assert answer["error"]["details"] == {"runId": str(world.run.pk)}
    assert Run.objects.count() == 1


def test_an_epic_that_is_open_in_another_run_is_refused() -> None:
    project = project_make(epics=3)
    epic = str(Epic.objects.get(project=project, code="E2").pk)
    body = {"type": "GENERATE_STORIES", "epicIds": [epic]}
    run_id = start(project, body)["data"]["runId"]
    for wanted in (body, {"epicIds": [epic]}):
        error = start(project, wanted, status=409)["error"]
        assert (error["code"], error["details"]) == ("ITEM_ALREADY_ACTIVE", {"E2": run_id})
    assert Run.objects.count() == 1


def test_where_all_epics_are_asked_for_open_ones_are_left_out_with_a_warning() -> None:
    project = project_make(epics=3)
    epic = str(Epic.objects.get(project=project, code="E2").pk)
    run_id = start(project, {"type": "GENERATE_STORIES", "epicIds": [epic]})["data"]["runId"]
    data = start(project, {"epicIds": None})["data"]
    assert (data["totalEpics"], data["pendingEpics"]) == (2, 2)
    assert data["warnings"] == [
        {
            "code": "EPICS_LEFT_OUT",
            "message": "Left out, because other runs that are not over include them: E2.",
            "details": {"E2": run_id},
        }
    ]


def test_many_epics_are_warned_of_with_the_expected_duration() -> None:
    epics = settings.MANY_EPICS + 1
    project = project_make(epics=epics)
    (warning,) = start(project, {"maxConcurrency": 2})["data"]["warnings"]
    # 8 turns of 20 s, 7 pauses of 1 s
    assert warning["code"] == "MANY_EPICS"
    assert warning["expectedDurationMs"] == 167_000
    assert f"{epics} epics" in warning["message"]
    assert "3 min" in warning["message"]


def test_as_many_epics_as_are_usual_are_not_warned_of() -> None:
    assert start(project_make(epics=settings.MANY_EPICS), {})["data"]["warnings"] == []


def test_editors_start_viewers_do_not_and_strangers_see_nothing() -> None:
    project = project_make()
    client_of("eve", project=project, role="editor")
    client_of("vic", project=project, role="viewer")
    assert start(project, {}, name="vic", status=403)["error"]["code"] == "FORBIDDEN"
    assert start(project, {}, name="stranger", status=404)["error"]["code"] == "NOT_FOUND"
    assert not Run.objects.exists()
    assert start(project, {}, name="eve")["data"]["status"] == "QUEUED"


def test_nobody_starts_without_signing_in(client: Any) -> None:
    path = f"/projects/{project_make().pk}/runs"
    assert post(client, path, {}, status=401)["error"]["code"] == "UNAUTHORIZED"
    assert not Run.objects.exists()
