"""Statements about a whole run look at each of its rows a few times, however they were planned.

The worst plans are those that connections made, and keep, while the tables were empty, or while
statistics told of some of them alone.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg import Connection

from batchgen.db.pools import engine_pool
from runs.engine.queries import QUERIES
from runs.engine.reconciler import reconcile
from runs.engine.statistics import grown_analyze
from runs.models import Lane, Run, RunItem
from runs.states import LaneState, RunStatus
from tests.integration.engine.world import World
from tests.integration.postgresql.conftest import server
from tests.plans import plan_of, rows_seen

pytestmark = pytest.mark.django_db(transaction=True)

_PARAMETER = re.compile(r"%\((\w+)\)s")
_ROWS = 400
_STATEMENTS = ("runs_to_tend", "worker_beat", "lanes_drain", "waiting_close", "targets_close")
#: What is analysed once rows are there, as autovacuum may do at any time; plans are made anew then.
_ANALYSED = ("", "runs_lane", "runs_runitem", "runs_run", "runs_run, runs_lane")
_VALUES = {"most_sent": 1000, "lease_s": 10, "clock_ahead_s": 0}


@pytest.fixture
def own() -> Iterator[Connection[Any]]:
    """A connection of the engine's that plans statements while every table is empty, and has no
    entries of former tests in its indexes."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM runs_runitem, runs_lane")
        cursor.execute("ANALYZE")
    with engine_pool().connection() as opened:
        opened.prepare_threshold = None
        yield opened
        opened.close()  # the pool opens another


@pytest.mark.parametrize("analysed", _ANALYSED)
def test_no_row_is_compared_with_every_other(own: Connection[Any], analysed: str) -> None:
    names = {name: _prepare(own, name) for name in _STATEMENTS}
    world = World.make(epics=_ROWS, lanes=_ROWS)
    items = RunItem.objects.filter(run=world.run, status="PENDING")
    items.filter(lane__isnull=False, order__lte=_ROWS // 2).update(status="GENERATING", attempt=1)
    Lane.objects.filter(run=world.run, index__gte=_ROWS // 2).update(state=LaneState.IDLE)
    told = {"stage": "storage", "stage_percent": 9, "stage_ms": {}, "notes": []}
    reached = [
        told
        | {"item_id": str(item.id), "lane_id": item.lane_id}
        | {"fencing_token": 1, "skipped_stages": []}
        for item in RunItem.objects.filter(status="GENERATING")[:40]
    ]
    values = {
        **_VALUES,
        "run_id": str(world.run.id),
        "worker_id": str(world.worker.pk),
        "reached": json.dumps(reached),
    }
    if analysed:
        own.execute(f"ANALYZE {analysed}".encode())
    for name, parameters in names.items():
        asked = [values[parameter] for parameter in parameters]
        plan = _explain(own, name, asked)
        assert max(rows_seen(plan)) <= 5 * _ROWS, name


@pytest.mark.parametrize("analysed", _ANALYSED)
def test_a_dispatch_looks_at_each_item_a_few_times(own: Connection[Any], analysed: str) -> None:
    parameters = _prepare(own, "lanes_dispatch")
    world = World.make(epics=_ROWS, lanes=10)
    items = RunItem.objects.filter(run=world.run)
    values = {
        "run_id": str(world.run.id),
        "most_sent": 500,
        "lost_lane_ids": "{}",
        "last_chance": 2,
    }
    asked = [values[parameter] for parameter in parameters]
    for in_batch in (True, False):
        items.update(in_batch=in_batch, lane=None)
        Lane.objects.filter(run=world.run).update(state=LaneState.IDLE)
        if analysed:
            own.execute(f"ANALYZE {analysed}".encode())
        plan = _explain(own, "lanes_dispatch", asked)
        seen = max(rows_seen(plan))
        assert seen <= 5 * _ROWS, in_batch


@pytest.mark.parametrize("analysed", _ANALYSED)
def test_lanes_come_to_rest_by_a_few_looks_at_each(own: Connection[Any], analysed: str) -> None:
    parameters = _prepare(own, "lanes_rest")
    world = World.make(epics=_ROWS, lanes=_ROWS)
    Run.objects.filter(pk=world.run.pk).update(status=RunStatus.PAUSED)
    values = {"run_id": str(world.run.id), "most": _ROWS}
    if analysed:
        own.execute(f"ANALYZE {analysed}".encode())
    plan = _explain(own, "lanes_rest", [values[parameter] for parameter in parameters])
    assert max(rows_seen(plan)) <= 5 * _ROWS
    assert not RunItem.objects.filter(run=world.run, lane__isnull=False).exists()


def _prepare(own: Connection[Any], name: str) -> list[str]:
    """Have this connection plan the statement; its parameters."""
    text = QUERIES[name]
    names = list(dict.fromkeys(_PARAMETER.findall(text)))
    numbered = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", text)
    own.execute(f"PREPARE {name} AS {numbered}".encode())
    _explain(own, name, [None] * len(names))
    return names


def _explain(own: Connection[Any], name: str, values: list[object]) -> dict[str, Any]:
    given = ", ".join("NULL" if value is None else f"'{value}'" for value in values)
    explained = f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE {name}({given})"
    (row,) = own.execute(explained.encode()).fetchall()
    return plan_of(row["QUERY PLAN"])


def test_tables_that_grew_are_analysed_once() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE runs_runitem CASCADE")
        cursor.execute("ANALYZE")
    World.make(epics=_ROWS, lanes=_ROWS)
    reconcile()
    assert _rows_known("runs_runitem") == _ROWS
    assert grown_analyze() == []


def test_a_table_analysed_while_its_rows_were_being_written_is_analysed_again() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE runs_runlog CASCADE")
        cursor.execute("ANALYZE")
    world = World.make(epics=1)
    with psycopg.connect(server()) as writing:
        _write_lines(world, 1000, writing)
        assert "runs_runlog" in grown_analyze()
        assert _rows_known("runs_runlog") < 10
        # Otherwise they are counted up to ten seconds after they were committed.
        writing.execute("SELECT pg_stat_force_next_flush()")
    assert "runs_runlog" in grown_analyze()
    assert _rows_known("runs_runlog") > 1000
    assert grown_analyze() == []


def test_what_grew_by_half_is_analysed_with_what_grew_fourfold_and_not_before() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE runs_run, runs_runlog CASCADE")
        cursor.execute("ANALYZE")
    world = World.make(epics=1)
    _write_lines(world, 100)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE runs_runlog")
    _write_lines(world, 150)
    assert grown_analyze() == []
    World.make(epics=_ROWS, lanes=1)
    assert {"runs_runitem", "runs_runlog"} <= set(grown_analyze())
    assert grown_analyze() == []


def _rows_known(table: str) -> float:
    """As PostgreSQL's planner has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = %s", [table])
        (rows,) = cursor.fetchone()
    return float(rows)


def _write_lines(world: World, count: int, own: Connection[Any] | None = None) -> None:
    """So many that each fills a quarter of a page."""
    with own.cursor() if own else connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO runs_runlog (run_id, at, level, item_code, message) "
            "SELECT %s, now(), 'info', '', repeat(md5(n::text), 60) FROM generate_series(1, %s) n",
            [world.run.id, count],
        )
