"""Changes are found from PostgreSQL alone, whoever makes them and in whatever order they commit."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.models import F
from rest_framework.renderers import JSONRenderer

from batchgen.errors import NotFound
from runs.api.run_output import run_json
from runs.engine.controls import run_change, run_control
from runs.engine.trail import log_append
from runs.engine.transitions import run_finalize
from runs.live import changes
from runs.live.changes import Changes, Cursor, changed_runs, changes_since
from runs.models import Lane, Run, RunItem, Worker
from runs.reads.log import log_number
from runs.reads.progress import RunProgress
from runs.reads.selectors import run_read
from tests.acceptance.fleet import database_url
from tests.integration.engine.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return World.make(epics=6, lanes=2)


@pytest.fixture
def other() -> Iterator[psycopg.Connection[Any]]:
    """A connection with transactions of its own."""
    with psycopg.connect(database_url()) as opened:
        yield opened


def begin(world: World) -> Cursor:
    return changes_since(world.run.id, None).cursor


def again(world: World, cursor: Cursor) -> Changes:
    """The next look, which a changed_runs must have called for."""
    assert changed_runs({world.run.id: cursor}) == {world.run.id}
    return changes_since(world.run.id, cursor)


def names(found: Changes) -> list[str]:
    return [event.name for event in found.events]


def epics_in(found: Changes) -> dict[str, str]:
    shown = [json.loads(event.data) for event in found.events if event.name == "epic"]
    return {epic["epicCode"]: epic["status"] for epic in shown}


def assert_quiet(world: World, cursor: Cursor) -> None:
    assert not changed_runs({world.run.id: cursor})
    assert not changes_since(world.run.id, cursor).events


def test_a_first_look_begins_anew(world: World) -> None:
    found = changes_since(world.run.id, None, whole=True)
    assert names(found) == ["reset"]
    assert [event.name for event in found.snapshot] == ["log"] * 2 + ["epic"] * 6 + ["run"]
    assert_quiet(world, found.cursor)


def test_each_step_is_told_once(world: World) -> None:
    cursor = begin(world)
    step = world.claim()
    assert step is not None
    found = again(world, cursor)
    assert epics_in(found)[step.code] == "GENERATING"
    assert names(found)[-1] == "run"
    assert_quiet(world, found.cursor)
    world.finish(step)
    found = again(world, found.cursor)
    assert epics_in(found)[step.code] == "COMPLETED"
    assert names(found)[0] == "log"
    assert_quiet(world, found.cursor)


def test_a_stage_alone_is_told(world: World) -> None:
    step = world.claim()
    assert step is not None
    cursor = begin(world)
    RunItem.objects.filter(id=step.fence.item_id).update(stage="storage")
    assert epics_in(again(world, cursor)) == {step.code: "GENERATING"}


def test_why_an_epic_waits_is_told(world: World) -> None:
    cursor = begin(world)
    lane = Lane.objects.filter(run=world.run).first()
    assert lane is not None
    with connection.cursor() as database:
        database.execute(
            "UPDATE runs_lane SET state = 'parked', wake_at = now(), wait_reason = 'rate-limit'"
            " WHERE id = %s",
            [lane.id],
        )
    found = again(world, cursor)
    (shown,) = [json.loads(event.data) for event in found.events if event.name == "epic"]
    assert shown["waiting"]["reason"] == "rate-limit"


def test_a_health_that_changes_with_the_time_alone_is_told_once(world: World) -> None:
    cursor = begin(world)
    Worker.objects.update(lease_until=F("lease_until") - timedelta(hours=1))
    found = changes_since(world.run.id, cursor)
    (event,) = found.events
    assert event.name == "run"
    assert json.loads(event.data)["health"]["verdict"] == "stuck"
    assert_quiet(world, found.cursor)


def settled(shown: dict[str, Any]) -> dict[str, Any]:
    """The run without what goes on with the time."""
    passing = {"elapsedMs", "estimatedRemainingMs", "estimatedRemainingRange"}
    return {name: value for name, value in shown.items() if name not in passing}


def test_a_run_with_a_trail_is_told_as_the_api_shows_it(world: World) -> None:
    """Its pauses, resumes and changes are in the estimate."""
    step = world.claim()
    assert step
    world.finish(step)
    user = world.run.project.created_by
    assert user
    for act in (
        partial(run_control, run=world.run, action="pause", user=user),
        partial(run_control, run=world.run, action="resume", user=user),
        partial(run_change, run=world.run, user=user, version=4, priority="LOW", max_concurrency=1),
        partial(log_append, run_id=world.run.id, message="later"),
    ):
        cursor = begin(world)
        act()
        told = json.loads(again(world, cursor).events[-1].data)
        shown = run_json(RunProgress.of(run_read(run_id=world.run.id)))
        assert settled(told) == settled(json.loads(JSONRenderer().render(shown)))
    assert told["estimatedRemainingMs"] is not None


def test_a_line_alone_is_told_also_when_somebody_else_numbered_it(world: World) -> None:
    cursor = begin(world)
    log_append(run_id=world.run.id, message="one")
    found = again(world, cursor)
    assert names(found) == ["log", "run"]
    log_append(run_id=world.run.id, message="two")
    log_number(run_id=world.run.id)
    found = again(world, found.cursor)
    assert json.loads(found.events[0].data)["message"] == "two"
    assert_quiet(world, found.cursor)


@pytest.mark.parametrize("in_a_part", [False, True])
def test_what_commits_late_is_not_missed(
    world: World, other: psycopg.Connection[Any], in_a_part: bool
) -> None:
    steps = [world.claim(), world.claim()]
    first, second = (step.fence.item_id for step in steps if step)
    # Its number is older than the cursor, its end is not. Of a transaction's parts, which have
    # numbers of their own, PostgreSQL's snapshots say nothing.
    other.execute("SELECT pg_current_xact_id()")
    if in_a_part:
        other.execute("SAVEPOINT part")
    other.execute("UPDATE runs_runitem SET stage = 'storage' WHERE id = %s", [first])
    cursor = begin(world)
    RunItem.objects.filter(id=second).update(stage="storage")
    found = again(world, cursor)
    assert len(epics_in(found)) == 1
    quiet = changes_since(world.run.id, found.cursor)
    assert not quiet.events
    other.commit()
    late = again(world, quiet.cursor)
    assert len(epics_in(late)) == 1
    assert epics_in(late) != epics_in(found)
    assert_quiet(world, late.cursor)


def test_a_database_that_was_replaced_begins_anew(world: World) -> None:
    cursor = replace(begin(world), horizon=2**40)
    assert names(changes_since(world.run.id, cursor)) == ["reset"]


def test_the_end_is_told_once_and_last(world: World) -> None:
    cursor = begin(world)
    for _ in range(6):
        step = world.claim()
        assert step is not None
        world.finish(step)
    run_finalize(run_id=world.run.id)
    found = again(world, cursor)
    assert names(found)[-2:] == ["run", "end"]
    assert found.cursor.ended
    assert not changes_since(world.run.id, found.cursor).events
    assert names(changes_since(world.run.id, None)) == ["reset", "end"]


def test_lines_that_were_written_as_the_run_ended_are_told_before_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = begin(world)
    log_append(run_id=world.run.id, message="the last")
    Run.objects.filter(id=world.run.id).update(status="CANCELLED", completed_at="2026-01-01T00:00Z")
    with monkeypatch.context() as between:
        # It committed right after the lines were numbered.
        between.setattr(changes, "log_number", lambda **_: None)
        found = changes_since(world.run.id, cursor, whole=True)
        assert "end" not in names(found)
        assert "end" not in [event.name for event in found.snapshot]
        assert names(changes_since(world.run.id, None)) == ["reset"]
    assert names(again(world, found.cursor)) == ["log", "run", "end"]


def test_of_many_lines_the_rest_comes_next_and_the_end_after_them(world: World) -> None:
    cursor = begin(world)
    for number in range(501):
        log_append(run_id=world.run.id, message=str(number))
    Run.objects.filter(id=world.run.id).update(status="CANCELLED", completed_at="2026-01-01T00:00Z")
    found = again(world, cursor)
    assert names(found) == ["log"] * 500 + ["run"]
    assert names(again(world, found.cursor)) == ["log", "run", "end"]


def test_a_run_that_is_gone_is_said_so(world: World) -> None:
    cursor = begin(world)
    Run.objects.filter(id=world.run.id).delete()
    assert changed_runs({world.run.id: cursor}) == {world.run.id}
    with pytest.raises(NotFound):
        changes_since(world.run.id, cursor)


def test_a_cursor_survives_being_kept(world: World) -> None:
    world.claim()
    cursor = begin(world)
    assert Cursor.loads(cursor.dumps()) == cursor


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x",
        b"[]",
        b'{"horizon":1}',
        b'{"horizon":"1","seen":{},"seq":0,"ended":false,"health":""}',
        b'{"horizon":9223372036854775808,"seen":{},"seq":0,"ended":false,"health":""}',
        b'{"horizon":1,"seen":{"run":true},"seq":0,"ended":false,"health":""}',
        b'{"horizon":1,"seen":[],"seq":0,"ended":false,"health":""}',
        b'{"horizon":1,"seen":{},"seq":-1,"ended":false,"health":""}',
        b'{"horizon":1,"seen":{},"seq":0,"ended":0,"health":""}',
        b'{"horizon":1,"seen":{},"seq":0,"ended":false,"health":1}',
        b'{"horizon":1,"seen":{},"seq":0,"ended":false,"health":"","more":1}',
    ],
)
def test_what_is_no_cursor_is_refused(raw: bytes) -> None:
    Cursor.loads(b'{"horizon":1,"seen":{"run":1},"seq":0,"ended":false,"health":""}')
    with pytest.raises(ValueError, match=r"not a cursor|Expecting"):
        Cursor.loads(raw)
