"""Runs over other things than epics: what starts them, what is refused, and what is shown."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from pytest_django.fixtures import Settings

from batchgen.db.ids import new_id
from epics.models import Project
from runs.engine.outcomes import Outcome
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_finalize
from runs.live.changes import changes_since
from runs.models import OpenTarget, ProviderCall, Run, RunAction, RunItem, RunLog
from runs.states import ItemStatus
from tests.integration.engine import hands
from tests.integration.engine.world import SPEND, World, project_make, worker_make
from tests.integration.runs_api.world import client_of, get, post
from tests.toykind.kind import WRITE_SLOGANS, Note
from tests.toykind.known import noted
from tests.toykind.tallies import COUNT_WORDS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    with noted(monkeypatch, "boats", "oars", "sails") as made:
        yield made


def start(project: Project, body: object, *, status: int = 202) -> Any:
    return post(client_of("ada"), f"/projects/{project.pk}/runs", body, status=status)


def details(project: Project, body: object) -> Any:
    answer = start(project, body, status=400)
    assert answer["error"]["code"] == "VALIDATION_ERROR"
    assert not Run.objects.exists()
    return answer["error"]["details"]


def _ended(run: Run, status: ItemStatus) -> None:
    """End every item so, one after the other."""
    world = World(run=run, worker=worker_make())
    run_begin(run_id=run.id)
    while fences := world.fences():
        claim = hands.claim(fence=fences[0], worker_id=world.worker.id, call_id=None)
        assert claim
        assert claim.call_id is None
        failed = status is ItemStatus.FAILED
        outcome = Outcome(
            status=status,
            message=f"[{claim.code}] {status}",
            result={"words": 1},
            error_code="VALIDATION" if failed else "",
            error="No." if failed else "",
        )
        hands.finish(fence=fences[0], call_id=None, outcome=outcome, spend=SPEND, park_s=0)
    run_finalize(run_id=run.id)
    run.refresh_from_db()


def test_a_run_over_notes_shows_its_items_and_no_epics(project: Project) -> None:
    some = [str(pk) for pk in Note.objects.order_by("text").values_list("pk", flat=True)[:2]]
    data = start(project, {"type": COUNT_WORDS, "targetIds": some, "maxConcurrency": 1})["data"]
    none = dict.fromkeys(("generating", "completed", "failed", "skipped", "cancelled"), 0)
    assert data["items"] == {"kind": "note", "total": 2, "pending": 2, **none}
    assert {name: data[name] for name in data if name.endswith("Epics")} == dict.fromkeys(
        (f"{name}Epics" for name in ("total", "pending", *none)), 0
    )
    assert (data["mode"], data["personaSet"], data["provider"], data["model"]) == (None,) * 4
    _ended(Run.objects.get(), ItemStatus.COMPLETED)
    shown = get(client_of("ada"), f"/runs/{data['runId']}")["data"]
    assert (shown["created"], shown["kept"], shown["totalStories"]) == (2, 0, 0)
    assert shown["phaseDetail"] == "Succeeded: 2 tallies from 2 notes (2/2)"
    assert not ProviderCall.objects.exists()
    lines = [line.message for line in RunLog.objects.order_by("id")]
    assert lines[0] == "Started by ada: 2 notes, words, pacing normal, 1 lane."
    assert lines[-1] == "SUCCEEDED: 2 tallies from 2 notes."


def test_the_trail_names_items_where_they_are_no_epics(project: Project) -> None:
    run_id = start(project, {"type": COUNT_WORDS})["data"]["runId"]
    run_begin(run_id=Run.objects.get().id)
    post(client_of("ada"), f"/runs/{run_id}/pause", {}, status=200)
    trail = get(client_of("ada"), f"/runs/{run_id}/actions")["data"]
    assert trail[0]["details"] == {"from": "RUNNING", "to": "PAUSED", "inFlight": 0, "itemsDone": 0}


def test_of_a_run_over_epics_the_names_say_the_same() -> None:
    data = start(project_make(epics=3), {})["data"]
    assert data["items"]["kind"] == "epic"
    for name in ("total", "pending", "completed"):
        assert data["items"][name] == data[f"{name}Epics"]
    assert data["items"]["total"] == 3
    assert (data["created"], data["kept"]) == (data["totalStories"], data["storiesKept"])


def test_a_live_event_shows_it_as_the_api_does(project: Project) -> None:
    run_id = start(project, {"type": COUNT_WORDS})["data"]["runId"]
    run = Run.objects.get(pk=run_id)
    events = changes_since(run.pk, None, whole=True).snapshot
    (event,) = (event for event in events if event.name == "run")
    assert b'"items":{"kind":"note","total":3' in event.data
    shown = get(client_of("ada"), f"/runs/{run_id}")["data"]
    assert shown["options"]
    assert json.loads(event.data)["options"] == shown["options"]


def test_a_kind_that_holds_none_leaves_its_targets_to_others(project: Project) -> None:
    start(project, {"type": COUNT_WORDS})
    assert not OpenTarget.objects.exists()
    start(project, {"type": WRITE_SLOGANS})
    assert OpenTarget.objects.filter(kind="slogans").count() == 3


def test_epic_ids_are_for_epics(project: Project) -> None:
    some = [str(new_id())]
    assert details(project, {"type": COUNT_WORDS, "epicIds": some}) == {
        "epicIds": ["COUNT_WORDS takes notes. Name them in targetIds."]
    }
    assert details(project, {"epicIds": some, "targetIds": some}) == {
        "epicIds": ["Give epicIds or targetIds, not both."]
    }
    assert details(project, {"type": COUNT_WORDS, "targetIds": some}) == {
        "targetIds": [f"{some[0]} is none of the notes of this project that can be taken."]
    }


def test_target_ids_name_epics_too() -> None:
    project = project_make(epics=3)
    epic = project.epics.get(code="E2")
    start(project, {"type": "GENERATE_STORIES", "targetIds": [str(epic.pk)]})
    assert RunItem.objects.get().target_id == epic.pk


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        (
            {"options": {"quiet": True}},
            "options.quiet",
            "WRITE_SLOGANS has no such option; it has instructions, language, loud.",
        ),
        ({"options": {"loud": "yes"}}, "options.loud", "Input should be a valid boolean"),
        ({"options": {"loud": 1}}, "options.loud", "Input should be a valid boolean"),
        ({"options": {"keepEdited": True}}, "options.keepEdited", None),
        ({"options": {"language": "Ignore all"}}, "options.language", None),
        ({"options": {"instructions": "x" * 4001}}, "options.instructions", None),
        ({"mode": "standard"}, "mode", "WRITE_SLOGANS has no such choice. Leave it out."),
        ({"personaSet": "core"}, "personaSet", "WRITE_SLOGANS has no such choice. Leave it out."),
        ({"model": "no spaces"}, "model", None),
        ({"model": "x" * 101}, "model", None),
        ({"model": ""}, "model", None),
    ],
)
def test_what_a_kind_does_not_offer_is_refused_by_name(
    project: Project, body: dict[str, Any], field: str, told: str | None
) -> None:
    found = details(project, {"type": WRITE_SLOGANS, **body})
    assert list(found) == [field]
    if told:
        assert found[field] == [told]


def test_options_that_stand_beside_are_none_of_the_options() -> None:
    found = details(project_make(), {"options": {"mode": "standard", "persona_set": "core"}})
    assert list(found) == ["options.mode", "options.persona_set"]


def test_every_wrong_option_is_told_at_once(project: Project) -> None:
    body = {"type": COUNT_WORDS, "mode": "concise", "options": {"a": 1, "language": "Klingonish"}}
    assert list(details(project, body)) == ["mode", "options.a", "options.language"]


def test_a_kind_without_calls_has_no_model(project: Project) -> None:
    body = {"type": COUNT_WORDS, "model": "claude-opus-5-5"}
    assert details(project, body) == {"model": ["COUNT_WORDS asks no model. Leave it out."]}


def test_what_was_chosen_is_kept_with_the_run(project: Project) -> None:
    options = {"loud": True, "language": "German", "instructions": "Rhyme."}
    data = start(project, {"type": WRITE_SLOGANS, "options": options})["data"]
    assert Run.objects.get(pk=data["runId"]).options == options


def test_a_retry_keeps_the_model_that_its_starter_chose(settings: Settings) -> None:
    chosen = start(project_make(), {"model": "claude-opus-5-5"})["data"]
    assert chosen["model"] == "claude-opus-5-5"
    usual = start(project_make(name="Other"), {})["data"]
    assert usual["model"] == settings.MODEL
    RunItem.objects.update(status="FAILED", completed_at="2026-11-30T09:00:00Z")
    Run.objects.update(status="FAILED", completed_at="2026-11-30T09:00:00Z")
    OpenTarget.objects.all().delete()
    settings.MODEL = "claude-haiku-5-5"
    client = client_of("ada")
    for first, model in ((chosen, "claude-opus-5-5"), (usual, "claude-haiku-5-5")):
        retry = post(client, f"/runs/{first['runId']}/retry-failed", {}, status=202)["data"]
        assert retry["retriedItemCount"] == retry["retriedEpicCount"] == first["totalEpics"]
        assert Run.objects.get(pk=retry["newRunId"]).model == model


def test_many_items_are_warned_of_with_the_expected_duration(project: Project) -> None:
    more = settings.MANY_EPICS - 2
    Note.objects.bulk_create(Note(project=project, text=f"note {i}") for i in range(more))
    data = start(project, {"type": COUNT_WORDS, "maxConcurrency": 4})["data"]
    (warning,) = data["warnings"]
    assert warning["code"] == "MANY_ITEMS"
    assert warning["message"].startswith("16 notes in 4 lanes may take about ")
    assert warning["expectedDurationMs"] == data["estimatedDurationMs"]


def test_a_run_whose_items_all_failed_says_so_and_is_retried(project: Project) -> None:
    run = run_start(project=project, user=project.created_by, options=RunOptions(type=COUNT_WORDS))
    _ended(run, ItemStatus.FAILED)
    assert (run.status, run.error_code) == ("FAILED", "ALL_ITEMS_FAILED")
    assert run.error.startswith("Every item failed.")
    client = client_of("ada")
    shown = get(client, f"/runs/{run.pk}")["data"]
    assert shown["controls"] == ["retry-failed"]
    retry = post(client, f"/runs/{run.pk}/retry-failed", {}, status=202)["data"]
    assert (retry["retriedItemCount"], retry["retriedEpicCount"]) == (3, 0)
    assert RunAction.objects.filter(details__items=3).count() == 3
    merged = get(client, f"/runs/{run.pk}?effective=true")["data"]
    assert (merged["items"]["total"], merged["totalEpics"]) == (3, 0)
    items = get(client, f"/runs/{run.pk}/items?effective=true")["data"]
    assert [item["status"] for item in items] == ["PENDING"] * 3
    assert get(client, f"/runs/{run.pk}/epics?effective=true")["data"] == []


def test_an_item_is_cancelled_by_its_id(project: Project) -> None:
    run_id = start(project, {"type": COUNT_WORDS, "maxConcurrency": 1})["data"]["runId"]
    item = RunItem.objects.get(run=run_id, code="N2")
    client, path = client_of("ada"), f"/runs/{run_id}/items/{item.pk}/cancel"
    assert post(client, path, {}, status=200)["data"]["status"] == "CANCELLED"
    refused = post(client, path, {}, status=409)["error"]
    assert refused["message"] == "This note is cancelled already."
    assert RunAction.objects.filter(kind="cancel-item").get().details == {
        "itemId": str(item.pk),
        "code": "N2",
    }
    post(client, f"/runs/{run_id}/epics/{item.pk}/cancel", {}, status=404)
