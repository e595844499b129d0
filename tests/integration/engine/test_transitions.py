"""Where runs, items and lanes really go is what `runs.states` says, no more and no less."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models import TextChoices
from django.db.models.functions import Now

from runs.engine.controls import run_item_cancel
from runs.engine.lanes import lanes_dispatch, lanes_reclaim
from runs.engine.trail import Operator
from runs.engine.transitions import run_finalize, run_move
from runs.models import Lane, Run, RunAction, RunItem, Worker
from runs.states import (
    ITEM_TRANSITIONS,
    LANE_TRANSITIONS,
    TRANSITIONS,
    ItemStatus,
    RunStatus,
    WaitReason,
)
from tests.integration.engine import hands
from tests.integration.engine.world import Step, World, halt

pytestmark = pytest.mark.django_db(transaction=True)

_TABLES: tuple[tuple[Any, str, dict[Any, Any]], ...] = (
    (Run, "status", TRANSITIONS),
    (RunItem, "status", ITEM_TRANSITIONS),
    (Lane, "state", LANE_TRANSITIONS),
)
Move = tuple[str, str]


@pytest.fixture
def moves() -> Iterator[Callable[[str], set[Move]]]:
    """Every move that rows of a table make, as triggers see them."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE moves (of text, was text, became text)")
        for model, column, _ in _TABLES:
            table = model._meta.db_table
            insert = f"INSERT INTO moves VALUES ('{table}', OLD.{column}, NEW.{column})"  # noqa: S608  # our own names
            cursor.execute(
                f"CREATE FUNCTION {table}_moved() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN {insert}; RETURN NULL; END $$"
            )
            cursor.execute(
                f"CREATE TRIGGER moved AFTER UPDATE ON {table} FOR EACH ROW "
                f"WHEN (OLD.{column} <> NEW.{column}) EXECUTE FUNCTION {table}_moved()"
            )

    def of(table: str) -> set[Move]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT was, became FROM moves WHERE of = %s", [table])
            return set(cursor.fetchall())

    yield of
    with connection.cursor() as cursor:
        for model, _, _ in _TABLES:
            cursor.execute(f"DROP FUNCTION {model._meta.db_table}_moved() CASCADE")
        cursor.execute("DROP TABLE moves")


def test_every_move_is_in_the_tables_and_is_made(moves: Callable[[str], set[Move]]) -> None:
    for walk in (_mixed_end, _good_end, _pause_and_cancel, _give_back, _cancels, _halts, _death):
        walk()
    for model, _, table in _TABLES:
        allowed = {(str(was), str(to)) for was, targets in table.items() for to in targets}
        assert moves(model._meta.db_table) == allowed


def _claimed(world: World) -> Step:
    step = world.claim()
    assert step is not None
    return step


def _mixed_end() -> None:
    world = World.make(epics=4, lanes=1)
    world.finish(_claimed(world))
    world.finish(_claimed(world), status=ItemStatus.FAILED, park_s=60)
    _wake(world)
    world.finish(_claimed(world), status=ItemStatus.SKIPPED)
    world.finish(_claimed(world), status=ItemStatus.CANCELLED)
    assert run_finalize(run_id=world.run.id) == RunStatus.COMPLETED_WITH_ERRORS


def _wake(world: World) -> None:
    Lane.objects.filter(run=world.run).update(wake_at=Now())
    lanes_dispatch(run_id=world.run.id)


def _good_end() -> None:
    world = World.make(epics=1, lanes=1)
    world.finish(_claimed(world))
    assert run_finalize(run_id=world.run.id) == RunStatus.SUCCEEDED


def _pause_and_cancel() -> None:
    world = World.make(epics=1, lanes=1)
    assert hands.park(fence=world.fences()[0], reason=WaitReason.TURN, wait_s=60)
    _halted(world, RunStatus.PAUSED)
    kind, message = RunAction.Kind.RESUME, "On."
    assert run_move(run_id=world.run.id, to=RunStatus.RUNNING, kind=kind, message=message)
    _halted(world, RunStatus.PAUSED)
    _halted(world, RunStatus.CANCELLED)


def _halted(world: World, to: RunStatus) -> None:
    assert halt(run_id=world.run.id, to=to, message="Halt.") is not None


def _give_back() -> None:
    world = World.make(epics=1, lanes=1)
    _given_back(_claimed(world))


def _given_back(step: Step) -> None:
    assert hands.give_back(
        fence=step.fence,
        call_id=step.call_id,
        reason=WaitReason.BACKOFF,
        message="Again.",
        wait_s=60,
        refund=False,
    )


def _cancels() -> None:
    world = World.make(epics=2, lanes=1)
    step = _claimed(world)
    user = Operator(name="ops")
    run_item_cancel(item=world.epic(step), user=user)
    _given_back(step)
    run_item_cancel(item=RunItem.objects.get(run=world.run, status="PENDING"), user=user)


def _halts() -> None:
    for begin in (False, True):
        for to in (RunStatus.CANCELLED, RunStatus.FAILED):
            _halted(World.make(begin=begin), to)


def _death() -> None:
    world = World.make(epics=1, lanes=1)
    _claimed(world)
    Worker.objects.update(stopped_at=Now())
    assert lanes_reclaim()


def test_no_status_is_without_its_row_in_a_table() -> None:
    for model, column, table in _TABLES:
        choices: list[tuple[str, Any]] = model._meta.get_field(column).choices
        assert {str(status) for status in table} == {value for value, _ in choices}
        assert all(isinstance(status, TextChoices) for status in table)
