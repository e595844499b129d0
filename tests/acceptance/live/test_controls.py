"""Two watched runs: one goes through all that people do to it, and a bystander goes its way."""

import pytest

from runs.engine.transitions import run_begin, run_finalize
from runs.models import Run, RunItem, RunLog
from runs.states import ItemStatus
from tests.acceptance.live.watcher import Watcher
from tests.acceptance.live.web import Web
from tests.acceptance.live.work import assert_in_order, merged, work, work_to_end
from tests.integration.engine.world import World

pytestmark = [pytest.mark.django_db(transaction=True)]


def wait_for_last(watcher: Watcher, field: str, value: object) -> None:
    """Until the run was told of as such."""
    watcher.wait(lambda: watcher.of("run")[-1][field] == value, f"{field} {value}")


def assert_nothing_lost(web: Web, watcher: Watcher, run: Run) -> None:
    """All of it came, in one piece: every line, every epic's end, the run as the API shows it."""
    watcher.wait_over()
    assert watcher.statuses == [200, 204]
    assert not watcher.of("reset")
    lines = RunLog.objects.filter(run=run).order_by("seq")
    assert [line["seq"] for line in watcher.of("log")] == [line.seq for line in lines]
    epics = web.call("GET", f"/runs/{run.id}/epics?limit=200").json()["data"]
    assert merged(watcher) == {epic["epicCode"]: epic["status"] for epic in epics}
    shown = web.call("GET", f"/runs/{run.id}").json()["data"]
    # A final run's controls know of its retries, which are other runs.
    told = watcher.of("end")[-1]
    assert {**told, "controls": shown["controls"]} == shown
    assert_in_order(watcher)


def test_a_run_is_paused_resumed_changed_cancelled_and_retried_while_two_are_watched(
    web: Web, world: World
) -> None:
    bystander = World.make(name="Bystander", epics=40, lanes=2)
    watchers = {each.run.id: web.watch(each.run) for each in (world, bystander)}
    for watcher in watchers.values():
        watcher.wait_for("run")
    seen = watchers[world.run.id]
    work(world, 2)
    for action, status in (("pause", "PAUSED"), ("resume", "RUNNING")) * 2:
        work(bystander, 1)
        assert web.call("POST", f"/runs/{world.run.id}/{action}").status_code == 200
        wait_for_last(seen, "status", status)
    for field, value in (
        ("priority", "HIGH"),
        ("maxConcurrency", 6),
        ("maxConcurrency", 2),
        ("priority", "LOW"),
    ):
        version = web.call("GET", f"/runs/{world.run.id}").json()["data"]["version"]
        body = {field: value, "version": version}
        assert web.call("PATCH", f"/runs/{world.run.id}", json=body).status_code == 200
        wait_for_last(seen, field, value)
        work(bystander, 1)
    failing = world.claim()
    assert failing
    world.finish(failing, status=ItemStatus.FAILED)
    pending = RunItem.objects.filter(run=world.run, status="PENDING").last()
    assert pending
    path = f"/runs/{world.run.id}/epics/{pending.id}/cancel"
    assert web.call("POST", path).status_code == 200
    under_way = world.claim()
    assert under_way
    work(bystander, 2)
    assert web.call("POST", f"/runs/{world.run.id}/cancel").json()["data"]["inFlight"] == 1
    world.finish(under_way)
    assert run_finalize(run_id=world.run.id) == "CANCELLED"
    answer = web.call("POST", f"/runs/{world.run.id}/retry-failed", json={"includePending": True})
    retry = World(run=Run.objects.get(id=answer.json()["data"]["newRunId"]), worker=world.worker)
    watchers[retry.run.id] = web.watch(retry.run)
    watchers[retry.run.id].wait_for("run")
    run_begin(run_id=retry.run.id)
    work_to_end(retry)
    work_to_end(bystander)
    for each in (world, bystander, retry):
        assert_nothing_lost(web, watchers[each.run.id], each.run)
