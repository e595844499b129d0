"""Runs of the version before go on after the migrations, and back."""

import json
from typing import Any

import pytest
from django.db import connection
from psycopg import sql

from epics.models import Epic
from epics.services import epic_delete
from runs.engine.transitions import run_finalize
from runs.models import OpenTarget, Run, RunItem
from runs.states import ItemStatus, RunStatus
from tests.database import migrated_back
from tests.integration.engine import hands
from tests.integration.engine.world import World, assert_counted, assert_open, halt

pytestmark = pytest.mark.django_db(transaction=True)

_BEFORE = ("runs", "0012_shares")
_KEYS = {
    "runs_run": "id",
    "runs_lane": "id",
    "runs_runlog": "id",
    "runs_providercall": "id",
    "runs_runaction": "id",
    "epics_story": "id",
}
_RENAMED = {
    "target_id": "epic_id",
    "code": "epic_code",
    "title": "epic_title",
    "created": "stories_created",
    "kept": "stories_kept",
}
#: Columns that items had not.
_NEW = ("kind", "priority", "in_batch", "batch_id")
#: What could be chosen for a run.
_CHOSEN = ("mode", "persona_set", "skip_quality_check", "keep_edited")


def _rows(table: str, key: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        names = {"table": sql.Identifier(table), "key": sql.Identifier(key)}
        cursor.execute(
            sql.SQL("SELECT to_jsonb(row) FROM {table} row ORDER BY {key}").format(**names)
        )
        return [json.loads(row) for (row,) in cursor.fetchall()]


def _all() -> dict[str, list[dict[str, Any]]]:
    keys = {**_KEYS, "runs_runitem": "id", "runs_opentarget": "target_id"}
    found = {table: _rows(table, key) for table, key in keys.items()}
    for run in found["runs_run"]:
        run["options"] = {name: run["options"][name] for name in _CHOSEN}
        del run["prompt_key"]  # the version before has no place for it,
    for lane in found["runs_lane"]:
        del lane["claimed_at"]  # or for this
    return found


def _worlds() -> list[World]:
    """Runs in every state, with items in every status."""
    queued = World.make(begin=False)
    running = World.make(epics=6, lanes=2)
    first = running.claim()
    assert first
    running.finish(first)
    second = running.claim()
    assert second
    assert hands.give_back(
        fence=second.fence,
        call_id=second.call_id,
        reason="rate-limit",
        message="429",
        wait_s=60,
        refund=True,
        rate_limit_streak=True,
    )
    assert running.claim()
    paused, cancelled, ended = World.make(), World.make(), World.make(epics=4, lanes=1)
    for world, to in ((paused, RunStatus.PAUSED), (cancelled, RunStatus.CANCELLED)):
        assert world.claim()
        halt(run_id=world.run.id, to=to, message="Halt.")
    for status in (ItemStatus.FAILED, ItemStatus.SKIPPED, ItemStatus.CANCELLED):
        step = ended.claim()
        assert step
        ended.finish(step, status=status)
    epic_delete(epic_id=Epic.objects.get(project=ended.run.project, code="E1").pk)
    last = ended.claim()
    assert last
    ended.finish(last)
    assert run_finalize(run_id=ended.run.id) == RunStatus.COMPLETED_WITH_ERRORS
    return [queued, running, paused, cancelled, ended]


def test_runs_in_every_state_keep_all_they_have_and_go_on() -> None:
    worlds = _worlds()
    going = World.make(epics=3, lanes=1)
    step = going.claim()
    assert step
    new = _all()
    with migrated_back(_BEFORE):
        _assert_renamed(new)
    assert _all() == new
    assert RunItem.objects.filter(target_id=None, code="E1").count() == 1
    assert_open()
    for world in worlds:
        assert_counted(Run.objects.get(pk=world.run.pk))
    assert going.finish(step)
    _go_to_the_end(going)


def _assert_renamed(new: dict[str, list[dict[str, Any]]]) -> None:
    """What there is now, by the names of the version before."""
    items, lanes = _rows("runs_runepic", "id"), _rows("runs_lane", "id")
    assert items == [
        {_RENAMED.get(name, name): value for name, value in row.items() if name not in _NEW}
        for row in new["runs_runitem"]
    ]
    assert [lane["generation"] for lane in lanes] == [
        lane["fencing_token"] for lane in new["runs_lane"]
    ]
    assert [row["epic_id"] for row in _rows("runs_openepic", "epic_id")] == [
        row["target_id"] for row in new["runs_opentarget"]
    ]
    for run, before in zip(_rows("runs_run", "id"), new["runs_run"], strict=True):
        assert {name: run[name] for name in before["options"]} == before["options"]


def _go_to_the_end(world: World) -> None:
    while fences := world.fences():
        claimed = world.claim(fences[0])
        assert claimed
        world.finish(claimed)
    assert run_finalize(run_id=world.run.id) == RunStatus.SUCCEEDED
    assert not OpenTarget.objects.filter(run=world.run).exists()
