"""A page has PostgreSQL look at about as many rows as it shows, however many there are."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from batchgen.db.ids import new_id
from epics.api.filters import PART_ORDERS
from epics.models import Card, Epic
from epics.services import project_create
from runs.models import Lane, Run
from runs.states import LaneState, RunStatus
from tests.factories import client_of
from tests.integration.engine.world import World
from tests.plans import plan_of, rows_seen

pytestmark = pytest.mark.django_db

_ROWS = 2_000
_LIMIT = 20
#: A table of short rows is read as a whole.
_TEXT = "x" * 900


@pytest.mark.parametrize("order", [f"{way}{name}" for name in PART_ORDERS for way in ("", "-")])
def test_each_order_of_a_projects_list_has_its_index(order: str) -> None:
    world = World.make(epics=1)
    project = world.run.project
    told = [{"code": f"X{n}", "title": f"t{n}", "order": n} for n in range(_ROWS)]
    Card.objects.bulk_create(Card(project=project, statement=_TEXT, **each) for each in told)
    Epic.objects.bulk_create(Epic(project=project, description=_TEXT, **each) for each in told)
    _analyze()
    for part in ("cards", "epics"):
        path = f"/projects/{project.pk}/{part}"
        page, seen = _read(world, path, order=order, limit=_LIMIT)
        assert seen <= 5 * _LIMIT
        _, seen = _read(world, path, order=order, limit=_LIMIT, cursor=page["next"])
        assert seen <= 5 * _LIMIT


def test_a_list_of_runs_does_not_look_at_the_lanes_of_others() -> None:
    """Whether a run has a lane at work is told by its own."""
    world = World.make(epics=1, lanes=1)
    user = User.objects.get()
    runs = [Run.objects.get(pk=world.run.pk) for _ in range(_LIMIT + 1)]
    for number, run in enumerate(runs):
        run.pk, run.status, run.started_at = new_id(), RunStatus.RUNNING, run.created_at
        run.project = project_create(user=user, fields={"name": f"p{number}"})
    over, *open_runs = runs
    over.status, over.completed_at = RunStatus.SUCCEEDED, over.created_at
    Run.objects.bulk_create(runs)
    Lane.objects.bulk_create(Lane(run=over, index=n) for n in range(_ROWS))
    Lane.objects.bulk_create(Lane(run=run, index=0) for run in open_runs)
    Lane.objects.exclude(run=over).update(state=LaneState.RUNNING)
    _analyze()
    _, seen = _read(world, "/runs", status=RunStatus.RUNNING)
    assert seen <= 5 * _LIMIT


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _read(world: World, path: str, **query: Any) -> tuple[dict[str, Any], float]:
    """The page's neighbours, and the most rows that a step of its statements looked at."""
    client = client_of(world.run.project.created_by)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(f"/api/v1{path}", query)
    assert answer.status_code == 200, answer.content
    most = 0.0
    with connection.cursor() as cursor:
        for asked in queries.captured_queries:
            if asked["sql"].startswith("SELECT"):
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked['sql']}")
                most = max(most, *rows_seen(plan_of(cursor.fetchone()[0])))
    return answer.json()["page"], most
