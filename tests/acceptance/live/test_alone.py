"""What fails for one run, or one client, ends theirs: a bystander's stream loses nothing."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from batchgen.redis import client as redis
from runs.models import RunAction, RunLog
from tests.acceptance.live.test_controls import assert_nothing_lost
from tests.acceptance.live.web import Starter, Web
from tests.acceptance.live.work import merged, with_ids, work, work_to_end
from tests.integration.engine.world import World

pytestmark = [pytest.mark.django_db(transaction=True)]

#: An entry as batchgen writes them, but for what a test breaks.
ENTRY: dict[Any, Any] = {"e": b"log", "d": b"{}", "k": b""}


def key(run_id: UUID) -> str:
    return redis.key(f"live:{run_id}")


def poisoned_cursor(world: World) -> None:
    redis.client().xadd(key(world.run.id), {**ENTRY, "c": b'{"horizon":"x"}'})


def cursor_that_postgresql_refuses(world: World) -> None:
    cursor = b'{"horizon":99999999999999999999,"seen":{},"seq":0,"ended":false}'
    redis.client().xadd(key(world.run.id), {**ENTRY, "c": cursor})


def undecodable_entry(world: World) -> None:
    redis.client().xadd(key(world.run.id), {"foo": b"bar"})


def name_that_is_no_text(world: World) -> None:
    redis.client().xadd(key(world.run.id), {**ENTRY, "e": b"\xff"})


def refused_command(world: World) -> None:
    """Redis refuses every command of a stream on this key: reading, and publishing."""
    redis.client().set(key(world.run.id), b"not a stream")


def stream_that_is_full(world: World) -> None:
    """Reading goes on, publishing is refused: there is no later place."""
    last = "18446744073709551615-18446744073709551615"
    redis.client().xadd(key(world.run.id), ENTRY, id=last)


def row_that_cannot_be_shown(world: World) -> None:
    action = RunAction.objects.create(
        run=world.run, kind="pause", actor="ada", details={"epicsDone": "many"}
    )
    RunLog.objects.create(run=world.run, message=str(action))


@pytest.mark.parametrize(
    "breaks",
    [
        poisoned_cursor,
        cursor_that_postgresql_refuses,
        undecodable_entry,
        name_that_is_no_text,
        refused_command,
        stream_that_is_full,
        row_that_cannot_be_shown,
    ],
)
def test_a_run_that_cannot_be_followed_ends_its_own_streams_only(
    web: Web, world: World, breaks: Callable[[World], None]
) -> None:
    bystander = World.make(name="Bystander", epics=20, lanes=2)
    watcher = web.watch(bystander.run)
    watcher.wait_for("run")
    sick = web.watch(world.run)
    sick.wait_for("run")
    work(world, 1)
    sick.wait(lambda: "COMPLETED" in merged(sick).values(), "the first epic")
    breaks(world)
    for _ in range(5):
        work(bystander, 1)
        work(world, 1)
    # Or, where publishing found out before reading did, the stream was begun anew.
    sick.wait(lambda: len(sick.statuses) > 1 or bool(sick.of("reset")), "its stream ended")
    work_to_end(bystander)
    assert_nothing_lost(web, watcher, bystander.run)
    if breaks is not row_that_cannot_be_shown:
        # Who comes back is told to read the run again, and misses nothing from there on.
        sick.wait_for("reset")
        work_to_end(world)
        sick.wait_over()
        assert sick.messages[-1].name == "end"
    sick.close()


def test_a_history_that_cannot_be_read_is_answered_by_a_reset(
    starter: Starter, world: World
) -> None:
    web = starter(world)
    steady = web.watch(world.run)
    steady.wait_for("run")
    place = with_ids(steady)[-1].id
    work(world, 3)
    steady.wait(lambda: steady.of("run")[-1]["completedEpics"] == 3, "3 completed")
    steady.close()
    found: Any = redis.client().xrevrange(key(world.run.id), count=1)
    redis.client().xadd(key(world.run.id), {"foo": b"bar"})
    redis.client().xadd(key(world.run.id), found[0][1])
    # Another process has nothing at hand, and asks Redis for what was missed.
    other = starter(world)
    late = other.watch(world.run, lastEventId=place)
    late.wait_for("reset")
    work(world, 1)
    late.wait_for("run")
    late.wait(lambda: late.of("run")[-1]["completedEpics"] == 4, "4 completed")
    assert late.statuses == [200]
    late.close()


@pytest.mark.parametrize(
    "made_up", ["1-99999999999999999999", "1-18446744073709551616", "99999999999999999999-1"]
)
def test_an_id_that_redis_cannot_count_to_holds_nobody_up(
    web: Web, world: World, made_up: str
) -> None:
    steady = web.watch(world.run)
    steady.wait_for("run")
    odd = web.watch(world.run, lastEventId=made_up)
    odd.wait_for("reset")
    late = web.watch(world.run)
    late.wait_for("run")
    work_to_end(world)
    assert_nothing_lost(web, steady, world.run)
    assert_nothing_lost(web, late, world.run)
    odd.wait_over()
