"""Before migration 0007 an epic could be open in several runs: there and back one keeps it."""

from uuid import UUID

import pytest

from epics.models import Epic, Project
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_finalize, run_rest
from runs.models import Lane, OpenTarget, Run
from runs.states import RunStatus
from tests.database import migrated_back
from tests.integration.engine.world import World, halt, project_make, worker_make

pytestmark = pytest.mark.django_db(transaction=True)


def _start(project: Project, *codes: str) -> Run:
    epics = Epic.objects.filter(project=project, code__in=codes)
    kind = "GENERATE_STORIES" if codes else "GENERATE_ALL_STORIES"
    target_ids = list(epics.values_list("pk", flat=True)) or None
    return run_start(
        project=project, user=None, options=RunOptions(type=kind, target_ids=target_ids)
    )


def test_there_one_of_several_runs_goes_on_and_back_the_older_keeps_an_epic() -> None:
    project = project_make(epics=3)
    older = _start(project)
    assert World(run=older, worker=worker_make()).claim()
    OpenTarget.objects.all().delete()
    younger = _start(project, "E2")
    draining = World.make(epics=2, lanes=1)
    assert draining.claim()
    halt(run_id=draining.run.id, to=RunStatus.CANCELLED, message="Cancelled.")
    other = project_make(epics=3)
    first, second, third = (_start(other, code) for code in ("E1", "E2", "E3"))
    step = World(run=second, worker=worker_make()).claim()
    assert step
    before = {older.pk: 3, draining.run.pk: 1, first.pk: 1, second.pk: 1}

    with migrated_back(("runs", "0006_database_clock")):
        statuses = [_status(run) for run in (first, second, third)]
        assert statuses == ["QUEUED", "CANCELLED", "CANCELLED"]
    assert younger.pk not in before
    held = list(OpenTarget.objects.values_list("run", flat=True))
    assert {run: held.count(run) for run in held} == before
    assert set(Lane.objects.filter(draining=True)) == set(
        Lane.objects.filter(run__in=[draining.run, second])
    )
    assert set(_open_in(other)) == {("E1", first.pk), ("E2", second.pk)}
    assert World(run=second, worker=worker_make()).finish(step)
    for run in (second, third):
        run_rest(run_id=run.pk)
        assert run_finalize(run_id=run.pk) == "CANCELLED"
    assert _open_in(other) == [("E1", first.pk)]


def _open_in(project: Project) -> list[tuple[str, UUID]]:
    held = OpenTarget.objects.filter(run__project=project)
    codes = dict(Epic.objects.filter(project=project).values_list("pk", "code"))
    return [(codes[each.target_id], each.run_id) for each in held]


def _status(run: Run) -> str:
    """Also where the table has other columns."""
    return str(Run.objects.values_list("status", flat=True).get(pk=run.pk))
