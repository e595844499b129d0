"""Redis may be lost at any moment: nothing of a run is lost with it."""

from pathlib import Path

import pytest

from batchgen.local.redis import Redis
from batchgen.local.supervisor import Supervisor
from batchgen.local.terminal import LogFiles
from batchgen.redis import client as redis
from tests.acceptance.live.watcher import Watcher
from tests.acceptance.live.web import Starter, Web
from tests.acceptance.live.work import assert_in_order, merged, with_ids, work, work_to_end
from tests.integration.engine.world import World

pytestmark = [pytest.mark.django_db(transaction=True)]


def test_a_lost_redis_costs_a_reset_and_no_news(web: Web, world: World) -> None:
    watcher = web.watch(world.run)
    watcher.wait_for("run")
    work(world, 3)
    watcher.wait(lambda: watcher.of("run")[-1]["completedEpics"] == 3, "3 completed")
    kept = with_ids(watcher)[-1].id
    redis.client().flushall()
    work(world, 3)
    watcher.wait_for("reset")
    late = web.watch(world.run, lastEventId=kept)
    late.wait_for("reset")
    redis.client().flushall()
    work_to_end(world)
    for each in (watcher, late):
        each.wait_over()
        assert each.messages[-1].name == "end"
        assert_in_order(each)
        # What a client does: on a reset it reads the run, then what follows replaces it.
        assert each.of("reset")


def test_whoever_reads_the_run_after_a_reset_is_up_to_date(web: Web, world: World) -> None:
    watcher = web.watch(world.run)
    watcher.wait_for("run")
    work(world, 2)
    redis.client().flushall()
    work(world, 2)
    watcher.wait_for("reset")
    last_reset = [message.name for message in watcher.messages].index("reset")
    state = {
        epic["epicCode"]: epic["status"]
        for epic in web.call("GET", f"/runs/{world.run.id}/epics?limit=200").json()["data"]
    }
    work_to_end(world)
    watcher.wait_over()
    for message in watcher.messages[last_reset:]:
        if message.name == "epic":
            state[message.data["epicCode"]] = message.data["status"]
    assert set(state.values()) == {"COMPLETED"}


def test_a_trimmed_id_gives_a_reset(starter: Starter, web: Web, world: World) -> None:
    watcher = web.watch(world.run)
    watcher.wait_for("run")
    start = with_ids(watcher)[0].id
    work(world, 5)
    watcher.wait(lambda: watcher.of("run")[-1]["completedEpics"] == 5, "5 completed")
    redis.client().xtrim(redis.key(f"live:{world.run.id}"), maxlen=2, approximate=False)
    # A process that did not follow the run has nothing but the stream.
    late = starter(world).watch(world.run, lastEventId=start)
    late.wait_for("reset")
    work(world, 1)
    late.wait_for("run")
    assert late.messages[0].name == "reset"
    assert late.of("run")[-1]["completedEpics"] == 6
    for each in (watcher, late):
        each.close()


def test_news_waits_while_redis_is_away(starter: Starter, world: World, tmp_path: Path) -> None:
    logs = LogFiles(tmp_path / "redis-log")
    server = Redis(tmp_path / "redis")
    with Supervisor(logs.line, signals=False) as supervisor:
        supervisor.start(server.child())
        web = starter(world, REDIS_URL=server.url)
        watcher = web.watch(world.run)
        watcher.wait_for("run")
        work(world, 3)
        watcher.wait(lambda: watcher.of("run")[-1]["completedEpics"] == 3, "3 completed")
    answer = web.call("GET", f"/runs/{world.run.id}/events")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    work(world, 3)
    with Supervisor(logs.line, signals=False) as supervisor:
        supervisor.start(server.child())
        work_to_end(world)
        watcher.wait_over()
    assert set(merged(watcher).values()) == {"COMPLETED"}
    assert not watcher.of("reset")
    assert_in_order(watcher)
    logs.close()


def test_an_opening_after_a_loss_shows_everything(starter: Starter, world: World) -> None:
    webs = [starter(world), starter(world)]
    watchers = [web.watch(world.run) for web in webs]
    for watcher in watchers:
        watcher.wait_for("run")
    for done in (3, 6):
        redis.client().flushall()
        work(world, 3)
        for watcher, web in zip(watchers, webs, strict=True):
            watcher.wait_for("reset")
            fresh = web.watch(world.run)
            fresh.wait_for("run")
            assert completed(fresh) == done
            fresh.close()
    for watcher in watchers:
        watcher.close()


def completed(watcher: Watcher) -> int:
    """How many epics the client knows to be completed, by the epics and by the run."""
    by_epics = list(merged(watcher).values()).count("COMPLETED")
    by_run = watcher.of("run")[-1]["completedEpics"] if watcher.of("run") else 0
    return by_epics if by_epics == by_run else -1
