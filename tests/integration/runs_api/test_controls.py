"""The controls over REST: both families of addresses, roles, answers and refusals."""

from typing import Any
from uuid import UUID

import pytest

from epics.models import Epic
from epics.services import epic_delete, epic_update
from runs.engine.transitions import run_begin, run_finalize
from runs.models import Lane, Run, RunItem
from runs.states import ItemStatus
from tests.integration.engine.world import World
from tests.integration.runs_api.world import ANYBODY, client_of, get, owner, post
from tests.threads import race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("family", ["runs", "generation/batch"])
def test_pause_resume_and_cancel_answer_alike_in_both_families(family: str) -> None:
    world = World.make(epics=5, lanes=3)
    world.claim()
    client = owner(world)
    for action, before, after in (
        ("pause", "running", "paused"),
        ("resume", "paused", "running"),
        ("cancel", "running", "cancelled"),
    ):
        data = post(client, f"/{family}/{world.run.pk}/{action}", {}, status=200)["data"]
        assert data.pop("timestamp").endswith("Z")
        assert data == {
            "batchId": str(world.run.pk),
            "previousStatus": before,
            "newStatus": after,
            "action": action,
            "inFlight": 1,
            "requestsOut": 0,
        }


def test_what_the_status_does_not_allow_is_refused() -> None:
    world = World.make()
    error = post(owner(world), f"/runs/{world.run.pk}/resume", {}, status=409)["error"]
    assert error["code"] == "INVALID_TRANSITION"
    assert error["message"].startswith("A running run cannot be resumed.")


def test_of_50_equal_requests_at_once_one_gets_200() -> None:
    world = World.make(epics=9, lanes=3)
    client = owner(world)
    path = f"/api/v1/runs/{world.run.pk}/pause"
    answers = race(
        *[lambda: client.post(path, {}, content_type="application/json").status_code] * 50
    )
    assert sorted(answers) == [200] + [409] * 49


@pytest.mark.parametrize(
    ("role", "status"), [(None, 404), ("viewer", 403), ("editor", 200), ("owner", 200)]
)
def test_a_viewer_may_not_control(role: str | None, status: int) -> None:
    world = World.make()
    client = client_of("dana", project=world.run.project, role=role)
    post(client, f"/runs/{world.run.pk}/pause", {}, status=status)


@pytest.mark.parametrize("path", ["pause", "resume", "cancel", "retry-failed"])
def test_nobody_controls_what_is_not_there(path: str) -> None:
    world = World.make()
    post(owner(world), f"/runs/{ANYBODY}/{path}", {}, status=404)
    post(owner(world), f"/runs/{world.run.pk}/{path}", {"typo": 1}, status=400)


def test_the_trail_says_who_did_what() -> None:
    world = World.make()
    client = client_of("dana", project=world.run.project, role="editor")
    post(client, f"/runs/{world.run.pk}/pause", {}, status=200)
    trail = get(client, f"/runs/{world.run.pk}/actions")["data"]
    assert [(row["action"], row["actor"]) for row in trail] == [("pause", "dana"), ("start", "ada")]
    assert trail[0]["details"] == {"from": "RUNNING", "to": "PAUSED", "inFlight": 0, "epicsDone": 0}


def test_one_epic_is_cancelled() -> None:
    world = World.make(epics=3, lanes=1)
    epic = RunItem.objects.get(code="E2")
    path = f"/runs/{world.run.pk}/epics/{epic.pk}/cancel"
    assert post(owner(world), path, {}, status=200)["data"]["status"] == "CANCELLED"
    assert post(owner(world), path, {}, status=409)["error"]["code"] == "INVALID_TRANSITION"
    post(owner(world), f"/runs/{world.run.pk}/epics/{ANYBODY}/cancel", {}, status=404)


def test_priority_and_lanes_change_while_it_runs() -> None:
    world = World.make(epics=9, lanes=1)
    client, path = owner(world), f"/api/v1/runs/{world.run.pk}"
    version = get(client, f"/runs/{world.run.pk}")["data"]["version"]
    body = {"priority": "HIGH", "maxConcurrency": 3, "version": version}
    for status, code in ((200, None), (409, "VERSION_CONFLICT")):
        response = client.patch(path, body, content_type="application/json")
        assert response.status_code == status
        assert (response.json()["error"] or {"code": None})["code"] == code
    data = get(client, f"/runs/{world.run.pk}")["data"]
    assert (data["priority"], data["maxConcurrency"]) == ("HIGH", 3)
    for bad in ({"version": 1}, {"maxConcurrency": 0, "version": 1}, {"priority": "HIGH"}):
        response = client.patch(path, bad, content_type="application/json")
        assert response.status_code == 400


def test_a_lineage_knows_an_item_by_what_it_is_of_and_not_by_its_code() -> None:
    world = World.make(epics=3, lanes=1)
    for status in ("COMPLETED", "FAILED", "FAILED"):
        step = world.claim()
        assert step
        world.finish(step, status=ItemStatus(status))
    run_finalize(run_id=world.run.pk)
    first, second, third = Epic.objects.filter(project=world.run.project).order_by("order")
    epic_delete(epic_id=third.pk)
    for epic, code in ((first, "E9"), (second, "E1")):
        epic_update(epic_id=epic.pk, changes={"code": code})
    client = owner(world)
    path = f"/runs/{world.run.pk}/retry-failed"
    answer = post(client, path, {}, status=202)["data"]
    assert answer["retriedEpicCount"] == 1
    retry = World(run=Run.objects.get(pk=answer["newRunId"]), worker=world.worker)
    step = retry.claim()
    assert step
    retry.finish(step)
    items = get(client, f"/runs/{world.run.pk}/items", effective="true")["data"]
    assert {(item["code"], item["status"]) for item in items} == {
        ("E1", "COMPLETED"),  # the first one, as it was called
        ("E3", "FAILED"),
        (step.code, "COMPLETED"),
    }
    assert len(items) == 3


def _ended(world: World, *statuses: str) -> None:
    for status in statuses:
        step = world.claim()
        assert step
        world.finish(step, status=ItemStatus(status))
    run_finalize(run_id=world.run.pk)


def _retried(world: World) -> World:
    path = f"/runs/{world.run.pk}/retry-failed"
    answer = post(owner(world), path, {"includePending": False}, status=202)["data"]
    run_begin(run_id=UUID(answer["newRunId"]))
    return World(run=Run.objects.get(pk=answer["newRunId"]), worker=world.worker)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_of_a_lineage_take_of_each_run_what_is_its_own(limit: int) -> None:
    world = World.make(epics=6, lanes=1)
    _ended(world, "COMPLETED", "FAILED", "FAILED", "FAILED", "COMPLETED", "FAILED")
    second = _retried(world)
    _ended(second, "FAILED", "COMPLETED", "FAILED", "COMPLETED")
    third = _retried(second)
    _ended(third, "COMPLETED", "FAILED")
    runs = {str(each.run.pk): number for number, each in enumerate((world, second, third), 1)}
    for status, expected in (
        (None, {("E1", 1), ("E2", 3), ("E3", 2), ("E4", 3), ("E5", 1), ("E6", 2)}),
        ("COMPLETED", {("E1", 1), ("E2", 3), ("E3", 2), ("E5", 1), ("E6", 2)}),
        ("FAILED", {("E4", 3)}),
    ):
        there = _pages(world, limit=limit, **({"status": status} if status else {}))
        shown = [(each["code"], runs[each["runId"]]) for each in there]
        assert set(shown) == expected
        assert len(shown) == len(expected)
        assert [each["order"] for each in there] == sorted(each["order"] for each in there)


def _pages(world: World, **query: object) -> list[Any]:
    path, items = f"/runs/{world.run.pk}/items", list[Any]()
    answer = get(owner(world), path, effective="true", **query)
    while cursor := answer["page"]["next"]:
        items += answer["data"]
        answer = get(owner(world), path, effective="true", cursor=cursor, **query)
    return [*items, *answer["data"]]


def test_a_run_without_items_is_merged_to_zeros() -> None:
    world = World.make(epics=1)
    RunItem.objects.all().delete()
    Lane.objects.all().delete()
    data = get(owner(world), f"/runs/{world.run.pk}", effective="true")["data"]
    assert (data["totalEpics"], data["completedEpics"], data["usage"]["inputTokens"]) == (0, 0, 0)


def test_a_lineage_is_merged_to_the_latest_outcomes() -> None:
    world = World.make(epics=3, lanes=1)
    for status in ("COMPLETED", "FAILED", "FAILED"):
        step = world.claim()
        assert step
        world.finish(step, status=ItemStatus(status))
    run_finalize(run_id=world.run.pk)
    client = owner(world)
    path = f"/runs/{world.run.pk}/retry-failed"
    answer = post(client, path, {"includePending": False}, status=202)["data"]
    assert answer["retriedEpicCount"] == 2
    retry = World(run=Run.objects.get(pk=answer["newRunId"]), worker=world.worker)
    assert post(client, path, {}, status=409)["error"]["details"]["runId"] == answer["newRunId"]
    step = retry.claim()
    assert step
    retry.finish(step, stories=4)
    for run_id in (world.run.pk, retry.run.pk):
        data = get(client, f"/runs/{run_id}", effective="true")["data"]
        assert data["effectiveRunIds"] == [str(world.run.pk), str(retry.run.pk)]
        assert (data["totalEpics"], data["completedEpics"], data["failedEpics"]) == (3, 2, 0)
        assert (data["pendingEpics"], data["totalStories"]) == (1, 6)
        assert data["usage"]["inputTokens"] == 4 * 700
        epics = get(client, f"/runs/{run_id}/epics", effective="true")["data"]
        assert sorted(epic["status"] for epic in epics) == ["COMPLETED", "COMPLETED", "PENDING"]
    assert get(client, f"/runs/{world.run.pk}")["data"]["failedEpics"] == 2
