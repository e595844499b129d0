"""GET of runs, their epics and their logs: every field, whatever the run's state."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from runs.engine.transitions import run_begin, run_dispatch, run_finalize, run_move
from runs.models import Lane, Run, RunAction, RunItem
from runs.states import ItemStatus, RunStatus
from tests.integration.engine import hands
from tests.integration.engine.world import World
from tests.integration.runs_api.world import ANYBODY, client_of, get, owner, post

pytestmark = pytest.mark.django_db(transaction=True)

_RUN_FIELDS = [
    "runId", "projectId", "type", "status", "phase", "phaseDetail", "mode", "personaSet",
    "options", "pacingProfile", "priority", "priorityReasons", "deadline", "lane", "batches",
    "maxConcurrency", "adaptiveLanes", "items",
    "totalEpics", "pendingEpics", "generatingEpics", "completedEpics", "failedEpics",
    "skippedEpics", "cancelledEpics",
    "percentComplete", "created", "kept", "totalStories", "storiesKept", "usage", "cache",
    "budget",
    "createdAt", "startedAt", "completedAt", "elapsedMs", "durationMs",
    "estimatedRemainingMs", "estimatedRemainingRange", "health", "quote", "controls",
    "retriedFromRunId", "provider", "model", "promptVersion", "error", "version",
]  # fmt: skip
_EPIC_FIELDS = [
    "runEpicId", "epicId", "epicCode", "epicTitle", "runId", "order", "status", "stage",
    "stagePercent", "stageMs", "skippedStages", "notes", "estimatedRemainingMs",
    "attempt", "storiesCreated", "storiesKept", "usage", "errorCode", "error", "waiting",
    "startedAt", "completedAt", "durationMs",
]  # fmt: skip


def read(world: World) -> dict[str, Any]:
    data = get(owner(world), f"/runs/{world.run.pk}")["data"]
    assert isinstance(data, dict)
    return data


def epics_of(world: World) -> list[dict[str, Any]]:
    return list(get(owner(world), f"/runs/{world.run.pk}/epics")["data"])


def generate_all(world: World) -> None:
    while world.fences():
        step = world.claim()
        assert step
        world.finish(step)
    run_finalize(run_id=world.run.pk)


def test_a_queued_run() -> None:
    world = World.make(epics=3, begin=False)
    data = read(world)
    assert list(data) == _RUN_FIELDS
    assert (data["status"], data["phase"]) == ("QUEUED", "QUEUEING_EPICS")
    assert data["phaseDetail"] == "Waiting for a worker (0/3)"
    assert data["controls"] == ["cancel"]
    assert (data["elapsedMs"], data["startedAt"], data["percentComplete"]) == (0, None, 0.0)


def test_every_field_of_a_running_run() -> None:
    world = World.make(epics=6, lanes=3)
    done, failed = world.claim(), world.claim()
    assert done
    assert failed
    world.finish(done, stories=3)
    world.finish(failed, status=ItemStatus.FAILED)
    world.claim()
    latest = world.claim()
    assert latest
    Run.objects.filter(pk=world.run.pk).update(started_at=now() - timedelta(seconds=10))
    world.run.refresh_from_db()
    data = read(world)

    elapsed_ms = data.pop("elapsedMs")
    assert 10_000 <= elapsed_ms < 15_000
    between = data.pop("estimatedRemainingRange")
    assert 0 < between["lowMs"] < data.pop("estimatedRemainingMs") < between["highMs"]
    order = world.epic(latest).order
    assert data == {
        "runId": str(world.run.pk),
        "projectId": str(world.run.project_id),
        "type": "GENERATE_ALL_STORIES",
        "status": "RUNNING",
        "phase": "GENERATING_STORIES",
        "phaseDetail": f"Processing {latest.code}: Lending {order} ({order}/6)",
        "mode": "standard",
        "personaSet": "core",
        "options": {
            "language": "",
            "instructions": "",
            "keepEdited": True,
            "keepApproved": True,
            "skipQualityCheck": False,
        },
        "pacingProfile": "adaptive",
        "priority": "NORMAL",
        "priorityReasons": [],
        "deadline": None,
        "lane": "realtime",
        "batches": {"submitted": 0, "processing": 0, "ended": 0},
        "maxConcurrency": 3,
        "adaptiveLanes": False,
        "items": {
            "kind": "epic",
            "total": 6,
            "pending": 2,
            "generating": 2,
            "completed": 1,
            "failed": 1,
            "skipped": 0,
            "cancelled": 0,
        },
        "totalEpics": 6,
        "pendingEpics": 2,
        "generatingEpics": 2,
        "completedEpics": 1,
        "failedEpics": 1,
        "skippedEpics": 0,
        "cancelledEpics": 0,
        "percentComplete": 33.3,
        "created": 3,
        "kept": 0,
        "totalStories": 3,
        "storiesKept": 0,
        "usage": {
            "inputTokens": 1400,
            "outputTokens": 1800,
            "cacheReadTokens": 0,
            "cacheWriteTokens": 0,
            "costUsd": "0.0208",
            "unknownCalls": 0,
        },
        "cache": {"hitRate": 0.0, "savedUsd": "0.0000"},
        "budget": None,
        "createdAt": _iso(world.run.created_at),
        "startedAt": _iso(world.run.started_at),
        "completedAt": None,
        "durationMs": None,
        "health": {
            "verdict": "flowing",
            "reason": "Epics are under way, up to 3 at the same time.",
            "nextAction": None,
            "since": _iso(world.run.created_at),
        },
        "quote": None,
        "controls": ["pause", "cancel"],
        "retriedFromRunId": None,
        "provider": world.run.provider,
        "model": world.run.model,
        "promptVersion": None,
        "error": None,
        "version": 2,
    }


def test_a_run_goes_through_its_phases_and_its_list_shows_the_same() -> None:
    world = World.make(epics=2, lanes=1, begin=False)

    def shows(phase: str) -> None:
        assert read(world)["phase"] == phase
        assert [run["phase"] for run in get(owner(world), "/runs")["data"]] == [phase]

    # As between the start's commit and what follows it.
    Lane.objects.update(state="idle")
    RunItem.objects.update(lane=None)
    shows("INITIALIZING")
    run_dispatch(run_id=world.run.pk)
    shows("QUEUEING_EPICS")
    first = world.claim()
    assert first
    shows("LOADING_CONTENT")
    run_begin(run_id=world.run.pk)
    shows("LOADING_CONTENT")
    RunItem.objects.filter(pk=first.fence.item_id).update(stage="component-generation")
    shows("GENERATING_STORIES")
    world.finish(first)
    shows("GENERATING_STORIES")
    last = world.claim()
    assert last
    RunItem.objects.filter(pk=last.fence.item_id).update(stage="storage")
    shows("SAVING_RESULTS")
    world.finish(last)
    shows("FINALIZING")
    run_finalize(run_id=world.run.pk)
    shows("COMPLETED")


def test_a_run_whose_epics_all_failed_has_failed() -> None:
    world = World.make(epics=1, lanes=1)
    step = world.claim()
    assert step
    world.finish(step, status=ItemStatus.FAILED)
    run_finalize(run_id=world.run.pk)
    assert (read(world)["status"], read(world)["phase"]) == ("FAILED", "FAILED")


def test_nothing_is_estimated_before_an_epic_is_done() -> None:
    world = World.make()
    world.claim()
    assert read(world)["estimatedRemainingMs"] is None
    assert read(world)["estimatedRemainingRange"] is None


def test_a_run_that_succeeded() -> None:
    world = World.make(epics=3)
    generate_all(world)
    data = read(world)
    assert (data["status"], data["phase"], data["controls"]) == ("SUCCEEDED", "COMPLETED", [])
    assert (data["percentComplete"], data["pendingEpics"], data["totalStories"]) == (100.0, 0, 6)
    assert data["phaseDetail"] == "Succeeded: 6 stories from 3 epics (3/3)"
    assert data["durationMs"] == data["elapsedMs"]
    assert data["completedAt"].endswith("Z")
    assert data["estimatedRemainingMs"] is None


def test_a_run_in_which_every_epic_failed_says_why() -> None:
    world = World.make(epics=1)
    step = world.claim()
    assert step
    world.finish(step, status=ItemStatus.FAILED)
    run_finalize(run_id=world.run.pk)
    data = read(world)
    assert (data["status"], data["controls"]) == ("FAILED", ["retry-failed"])
    assert data["error"]["code"] == "ALL_EPICS_FAILED"
    assert "retry-failed" in data["error"]["message"]
    (epic,) = epics_of(world)
    assert (epic["status"], epic["errorCode"], epic["error"]) == ("FAILED", "REFUSED", "No.")


def test_a_paused_run_tells_what_is_still_being_finished() -> None:
    world = World.make(epics=3, lanes=1)
    world.claim()
    run_move(
        run_id=world.run.pk,
        to=RunStatus.PAUSED,
        kind=RunAction.Kind.PAUSE,
        message="Out of credit.",
        error_code="BUDGET",
    )
    data = read(world)
    assert data["controls"] == ["resume", "cancel"]
    assert data["error"] == {"code": "BUDGET", "message": "Out of credit."}
    assert data["phaseDetail"] == "Paused; finishing 1 epic that had begun (0/3)"
    assert data["estimatedRemainingMs"] is None
    waiting = [epic["waiting"] for epic in epics_of(world)]
    assert waiting == [None, *[{"reason": "run-paused", "untilAt": None}] * 2]


def test_a_parked_epic_says_why_it_waits_and_until_when() -> None:
    world = World.make(epics=2, lanes=1)
    step = world.claim()
    assert step
    hands.give_back(
        fence=step.fence,
        call_id=step.call_id,
        reason="rate-limit",
        message="429",
        wait_s=30,
        refund=True,
    )
    until = Lane.objects.get(pk=step.fence.lane_id).wake_at
    first, second = epics_of(world)
    assert first["waiting"] == {"reason": "rate-limit", "untilAt": _iso(until)}
    assert second["waiting"] is None
    assert read(world)["phaseDetail"] == "Waiting: rate-limit (0/2)"


def test_every_field_of_an_epic() -> None:
    world = World.make(epics=2, lanes=1)
    step = world.claim()
    assert step
    world.finish(step, stories=3)
    row = world.epic(step)
    first, second = epics_of(world)
    assert list(first) == _EPIC_FIELDS
    assert first.pop("durationMs") >= 0
    assert first == {
        "runEpicId": str(row.pk),
        "epicId": str(row.target_id),
        "epicCode": "E1",
        "epicTitle": "Lending 1",
        "runId": str(world.run.pk),
        "order": 1,
        "status": "COMPLETED",
        "stage": "storage",
        "stagePercent": 100,
        "stageMs": {},
        "skippedStages": [],
        "notes": [],
        "estimatedRemainingMs": None,
        "attempt": 1,
        "storiesCreated": 3,
        "storiesKept": 0,
        "usage": {
            "inputTokens": 700,
            "outputTokens": 900,
            "cacheReadTokens": 0,
            "cacheWriteTokens": 0,
            "costUsd": "0.0104",
            "unknownCalls": 0,
        },
        "errorCode": None,
        "error": None,
        "waiting": None,
        "startedAt": _iso(row.started_at),
        "completedAt": _iso(row.completed_at),
    }
    assert (second["status"], second["stage"], second["stagePercent"]) == ("PENDING", None, 0)
    assert (second["startedAt"], second["durationMs"]) == (None, None)


def test_progress_is_the_run_with_its_epics_and_a_cursor_past_200() -> None:
    world = World.make(epics=203, lanes=1)
    client = owner(world)
    answer = get(client, f"/runs/{world.run.pk}/progress")
    assert list(answer["data"]) == [*_RUN_FIELDS, "epics"]
    assert [epic["order"] for epic in answer["data"]["epics"]] == list(range(1, 201))
    rest = get(client, f"/runs/{world.run.pk}/progress", cursor=answer["page"]["next"])
    assert [epic["order"] for epic in rest["data"]["epics"]] == [201, 202, 203]
    assert rest["page"]["next"] is None


def test_epics_come_in_pages() -> None:
    world = World.make(epics=5)
    client = owner(world)
    answer = get(client, f"/runs/{world.run.pk}/epics", limit=3)
    rest = get(client, f"/runs/{world.run.pk}/epics", limit=3, cursor=answer["page"]["next"])
    codes = [epic["epicCode"] for epic in [*answer["data"], *rest["data"]]]
    assert codes == ["E1", "E2", "E3", "E4", "E5"]


def test_the_list_is_newest_first_filtered_and_only_of_what_one_may_see() -> None:
    first, second = World.make(), World.make()
    generate_all(first)
    client = owner(first)
    runs = get(client, "/runs")["data"]
    assert [run["runId"] for run in runs] == [str(second.run.pk), str(first.run.pk)]
    assert list(runs[0]) == _RUN_FIELDS
    assert runs[1] == read(first)
    by_project = get(client, "/runs", project=str(first.run.project_id))["data"]
    assert [run["runId"] for run in by_project] == [str(first.run.pk)]
    assert len(get(client, "/runs", status="SUCCEEDED")["data"]) == 1
    assert len(get(client, "/runs", type="GENERATE_STORIES")["data"]) == 0
    page = get(client, "/runs", limit=1)
    assert get(client, "/runs", limit=1, cursor=page["page"]["next"])["data"] == runs[1:]
    member = client_of("vic", project=second.run.project, role="viewer")
    assert [run["runId"] for run in get(member, "/runs")["data"]] == [str(second.run.pk)]
    assert get(client_of("stranger"), "/runs")["data"] == []


@pytest.mark.parametrize("query", [{"status": "DONE"}, {"project": "x"}, {"type": "x"}])
def test_a_bad_filter_is_refused(query: dict[str, str]) -> None:
    answer = client_of("ada").get("/api/v1/runs", query)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == list(query)


def test_the_log_is_read_in_order_from_where_one_stood() -> None:
    world = World.make(epics=2, lanes=1, begin=True)
    client = owner(world)
    path = f"/runs/{world.run.pk}/logs"
    before = get(client, path)["data"]
    assert [line["seq"] for line in before] == [1, 2]
    assert list(before[0]) == ["seq", "at", "level", "epicCode", "message"]
    assert (before[0]["level"], before[0]["epicCode"]) == ("info", None)
    generate_all(world)
    after = get(client, path, after=2)
    assert [line["seq"] for line in after["data"]] == [3, 4, 5, 6, 7]
    assert after["data"][0]["epicCode"] == "E1"
    assert after["data"][0]["message"] == "[E1] Starting"
    assert after["page"]["next"] is None
    page = get(client, path, limit=4)
    assert len(page["data"]) == 4
    assert [line["seq"] for line in get(client, path, cursor=page["page"]["next"])["data"]] == [
        5,
        6,
        7,
    ]


@pytest.mark.parametrize("query", [{"after": "x"}, {"after": -1}, {"limit": 0}, {"limit": 1001}])
def test_a_bad_place_in_the_log_is_refused(query: dict[str, str | int]) -> None:
    world = World.make()
    response = owner(world).get(f"/api/v1/runs/{world.run.pk}/logs", query)
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == list(query)


@pytest.mark.parametrize("part", ["", "/progress", "/epics", "/logs"])
def test_viewers_read_and_strangers_find_nothing(part: str) -> None:
    world = World.make()
    path = f"/runs/{world.run.pk}{part}"
    assert get(client_of("vic", project=world.run.project, role="viewer"), path)["data"]
    for client, where in ((client_of("stranger"), path), (owner(world), f"/runs/{ANYBODY}{part}")):
        response = client.get(f"/api/v1{where}")
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("part", ["", "/progress", "/epics", "/logs"])
def test_a_large_run_costs_as_many_queries_as_a_small_one(part: str) -> None:
    small, large = World.make(epics=2, lanes=1), World.make(epics=120, lanes=20)
    client = owner(small)
    counts = []
    for world in (small, large):
        world.claim()
        get(client, f"/runs/{world.run.pk}/logs")
        with CaptureQueriesContext(connection) as queries:
            get(client, f"/runs/{world.run.pk}{part}")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 7


def test_a_long_list_of_runs_costs_as_many_queries_as_a_short_one() -> None:
    client = owner(World.make())
    with CaptureQueriesContext(connection) as one:
        get(client, "/runs")
    for _ in range(5):
        World.make(epics=2).claim()
    with CaptureQueriesContext(connection) as six:
        assert len(get(client, "/runs")["data"]) == 6
    assert len(six) == len(one) == 4


def test_an_epic_that_was_deleted_meanwhile_stays_in_the_run() -> None:
    world = World.make(epics=1)
    RunItem.objects.filter(run=world.run).update(target_id=None)
    (epic,) = epics_of(world)
    assert (epic["epicId"], epic["epicCode"]) == (None, "E1")


def test_a_cancelled_run_is_retried_only_when_its_last_call_is_over() -> None:
    world = World.make(epics=3, lanes=1)
    step = world.claim()
    assert step
    run_move(
        run_id=world.run.pk,
        to=RunStatus.CANCELLED,
        kind=RunAction.Kind.CANCEL,
        message="Cancelled.",
    )
    draining = read(world)
    assert (draining["status"], draining["controls"], draining["completedAt"]) == (
        "CANCELLED",
        [],
        None,
    )
    world.finish(step, status=ItemStatus.FAILED)
    run_finalize(run_id=world.run.pk)
    over = read(world)
    assert over["controls"] == ["retry-failed"]
    assert (over["pendingEpics"], over["failedEpics"]) == (2, 1)


def _iso(moment: Any) -> str:
    return str(moment.isoformat()).replace("+00:00", "Z")


def test_epics_of_one_status_and_runs_the_oldest_first() -> None:
    world, later = World.make(epics=3, lanes=1), World.make(epics=1)
    step = world.claim()
    assert step
    world.finish(step, status=ItemStatus.FAILED)
    path = f"/runs/{world.run.id}/epics"
    failed = get(owner(world), path, status="FAILED")["data"]
    assert [row["epicCode"] for row in failed] == ["E1"]
    assert len(get(owner(world), path, status="PENDING")["data"]) == 2
    for order, runs in (("createdAt", [world, later]), ("-createdAt", [later, world])):
        rows = get(owner(world), "/runs", order=order)["data"]
        assert [row["runId"] for row in rows] == [str(shown.run.id) for shown in runs]
    refused = owner(world).get(f"/api/v1{path}", {"status": "LOST"})
    assert refused.status_code == 400


def test_a_pause_does_not_slow_the_estimate() -> None:
    world = World.make(epics=30, lanes=2)
    for _ in range(4):
        step = world.claim()
        assert step
        world.finish(step)
    run = Run.objects.filter(pk=world.run.pk)
    run.update(started_at=now() - timedelta(seconds=20))
    straight = read(world)["estimatedRemainingMs"]
    post(owner(world), f"/runs/{world.run.pk}/pause", {}, status=200)
    assert read(world)["estimatedRemainingMs"] is None
    post(owner(world), f"/runs/{world.run.pk}/resume", {}, status=200)
    # The pause took an hour.
    hour = timedelta(hours=1)
    run.update(started_at=F("started_at") - hour)
    paused = RunAction.objects.get(run=world.run, kind="pause")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE runs_runaction DISABLE TRIGGER USER")
        RunAction.objects.filter(pk=paused.pk).update(at=paused.at - hour)
        cursor.execute("ALTER TABLE runs_runaction ENABLE TRIGGER USER")
    assert straight < read(world)["estimatedRemainingMs"] < straight * 1.5
    listed = get(owner(world), "/runs")["data"][0]
    assert listed["estimatedRemainingMs"] < straight * 1.5


def test_a_change_of_lanes_changes_the_estimate() -> None:
    world = World.make(epics=30, lanes=1)
    for _ in range(4):
        step = world.claim()
        assert step
        world.finish(step)
    Run.objects.filter(pk=world.run.pk).update(started_at=now() - timedelta(seconds=100))
    before = read(world)
    body = {"maxConcurrency": 5, "version": before["version"]}
    changed = owner(world).patch(f"/api/v1/runs/{world.run.pk}", body, "application/json")
    after = changed.json()["data"]["estimatedRemainingMs"]
    assert 0.1 < after / before["estimatedRemainingMs"] < 0.4
