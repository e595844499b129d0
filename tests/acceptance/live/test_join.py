"""A stream opens with what there is, and whoever comes back goes on where it was."""

import pytest

from runs.live import stream
from runs.models import Run, RunLog
from tests.acceptance.live.web import Starter, Web
from tests.acceptance.live.work import assert_in_order, merged, with_ids, work, work_to_end
from tests.integration.engine.world import World

pytestmark = [pytest.mark.django_db(transaction=True)]


def test_a_stream_opens_with_the_run_and_tells_what_follows(web: Web, world: World) -> None:
    work(world, 3)
    watcher = web.watch(world.run)
    watcher.wait_for("run")
    opening = list(watcher.messages)
    assert [message.name for message in opening if message.id] == ["run"]
    assert opening[-1].data["completedEpics"] == 3
    assert list(merged(watcher).values()).count("COMPLETED") == 3
    assert len(merged(watcher)) == 40
    assert [line["seq"] for line in watcher.of("log")] == list(
        RunLog.objects.filter(run=world.run).order_by("seq").values_list("seq", flat=True)
    )
    work_to_end(world)
    watcher.wait_over()
    assert watcher.messages[-1].name == "end"
    assert watcher.messages[-1].data["status"] == "SUCCEEDED"
    assert set(merged(watcher).values()) == {"COMPLETED"}
    assert_in_order(watcher)
    assert watcher.statuses == [200, 204]


def test_events_show_objects_as_the_api_does(web: Web, world: World) -> None:
    watcher = web.watch(world.run)
    watcher.wait_for("run")
    work(world, 1)
    watcher.wait(lambda: "COMPLETED" in merged(watcher).values(), "a completed epic")
    told = [epic for epic in watcher.of("epic") if epic["status"] == "COMPLETED"][-1]
    epics = web.call("GET", f"/runs/{world.run.id}/epics").json()["data"]
    assert told in epics
    shown = web.call("GET", f"/runs/{world.run.id}").json()["data"]
    assert watcher.of("run")[-1].keys() == shown.keys()
    assert watcher.of("log")[-1] in web.call("GET", f"/runs/{world.run.id}/logs").json()["data"]
    watcher.close()


def test_who_comes_back_misses_nothing_and_gets_nothing_twice(web: Web, world: World) -> None:
    steady = web.watch(world.run)
    steady.wait_for("run")
    start = with_ids(steady)[-1].id
    watchers = [web.watch(world.run, cuts=20, seed=seed, lastEventId=start) for seed in range(8)]
    work_to_end(world, pause_s=0.02)
    for watcher in (steady, *watchers):
        watcher.wait_over()
    expected = [(message.id, message.name) for message in with_ids(steady)[1:]]
    for watcher in watchers:
        assert [(message.id, message.name) for message in with_ids(watcher)] == expected
        assert len(watcher.statuses) > 10
        assert watcher.statuses[-1] == 204


def test_clients_of_two_processes_get_the_same(starter: Starter, world: World) -> None:
    webs = [starter(world), starter(world)]
    watchers = [web.watch(world.run) for web in webs]
    for watcher in watchers:
        watcher.wait_for("run")
    work_to_end(world, pause_s=0.01)
    for watcher in watchers:
        watcher.wait_over()
        assert set(merged(watcher).values()) == {"COMPLETED"}
        assert_in_order(watcher)
    # The first is each one's opening, of a moment of its own.
    one, other = ({each.id: each.data for each in with_ids(watcher)[1:]} for watcher in watchers)
    common = set(one) & set(other)
    assert len(common) > 20
    assert all(one[each] == other[each] for each in common)


@pytest.mark.parametrize("made_up", ["99999999999999-0", "18446744073709551616-3", "0-0"])
def test_an_id_that_never_was_gives_a_reset(web: Web, world: World, made_up: str) -> None:
    watcher = web.watch(world.run, lastEventId=made_up)
    watcher.wait_for("reset")
    work(world, 1)
    watcher.wait_for("run")
    watcher.close()


def test_what_is_no_id_is_refused(web: Web, world: World) -> None:
    answer = web.call("GET", f"/runs/{world.run.id}/events?lastEventId=7")
    assert answer.status_code == 400
    assert "lastEventId" in answer.json()["error"]["details"]


def test_a_run_that_is_over_opens_and_ends_at_once(web: Web, world: World) -> None:
    work_to_end(world)
    watcher = web.watch(world.run)
    watcher.wait_over()
    assert [message.name for message in watcher.messages][-2:] == ["run", "end"]
    assert watcher.statuses == [200, 204]
    stream.forget(world.run.id)
    late = web.watch(world.run, lastEventId=with_ids(watcher)[-1].id)
    late.wait_over()
    assert [message.name for message in late.messages] in (["reset"], ["reset", "end"])
    assert late.statuses == [200, 204]


def test_heartbeats_come_and_have_no_id(starter: Starter, world: World) -> None:
    watcher = starter(world, BATCHGEN_LIVE_HEARTBEAT_S="0.2").watch(world.run)
    watcher.wait_for("heartbeat", 3)
    assert not [
        message.id for message in watcher.messages if message.name == "heartbeat" and message.id
    ]
    watcher.close()


def test_a_deleted_run_ends_its_streams(web: Web, world: World) -> None:
    watcher = web.watch(world.run)
    watcher.wait_for("run")
    Run.objects.filter(id=world.run.id).delete()
    watcher.wait_over()
    assert watcher.statuses == [200, 404]
