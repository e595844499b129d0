"""What an autoscaler of workers goes by: the query of deploy/chart."""

import pytest
from django.db import connection

from batchgen.local.local_dir import ROOT
from runs.states import RunStatus
from tests.integration.engine.world import World, halt

pytestmark = pytest.mark.django_db(transaction=True)

QUERY = (ROOT / "deploy" / "chart" / "files" / "runnable.sql").read_text()


def runnable() -> int:
    with connection.cursor() as cursor:
        cursor.execute(QUERY)
        ((count,),) = cursor.fetchall()
    return int(count)


def test_what_can_be_worked_on_asks_for_workers_and_what_waits_does_not() -> None:
    assert runnable() == 0
    world = World.make(epics=6, lanes=3)
    assert runnable() == 3
    step = world.claim()
    assert step
    assert runnable() == 3, "one is under way"
    world.finish(step, park_s=60)
    assert world.lane(step).state == "parked"
    assert runnable() == 2
    halt(run_id=world.run.id, to=RunStatus.PAUSED, message="Later.")
    assert runnable() == 0
