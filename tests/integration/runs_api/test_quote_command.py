"""manage.py quote: what a start would cost and take, in the terminal, and how right that was."""

from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin, run_finalize
from runs.models import Quote, Run
from tests.integration.engine.world import World, project_make, worker_make

pytestmark = pytest.mark.django_db(transaction=True)


def quote(*args: str) -> str:
    out = StringIO()
    call_command("quote", *args, stdout=out)
    return out.getvalue()


def test_it_tells_each_lane_and_what_it_assumes() -> None:
    project = project_make(epics=3)
    said = quote(str(project.pk), "--mode", "concise", "--max-concurrency", "3")
    row = Quote.objects.get()
    assert "Library: 3 epics, 3 calls" in said
    for lane in ("realtime", "batch", "cheapest"):
        assert lane in said
    assert "Not calibrated" in said
    assert str(row.pk) in said
    assert row.body["options"]["mode"] == "concise"
    assert not Run.objects.exists()


def test_a_start_from_the_shell_goes_by_it() -> None:
    project = project_make(epics=3)
    quote(str(project.pk), "--epic", "E1", "E2")
    row = Quote.objects.get()
    out = StringIO()
    call_command(
        "generate", str(project.pk), "--epic", "E1", "E2", "--quote", str(row.pk), stdout=out
    )
    assert Run.objects.get().quote == row
    with pytest.raises(CommandError, match="no such quote"):
        call_command("generate", str(project.pk), "--quote", str(UUID(int=1)), stdout=out)


def test_what_a_start_refuses_is_refused() -> None:
    project = project_make(epics=0)
    with pytest.raises(CommandError, match="no epics to process"):
        quote(str(project.pk))
    with pytest.raises(CommandError, match="No project"):
        quote("nowhere")
    assert not Quote.objects.exists()


def test_the_report_sets_quotes_beside_bills() -> None:
    assert "No run that was quoted has ended" in quote("report")
    project = project_make(epics=1)
    quote(str(project.pk))
    run = run_start(project=project, user=None, options=RunOptions(quote_id=Quote.objects.get().pk))
    run_begin(run_id=run.pk)
    world = World(run=run, worker=worker_make())
    step = world.claim()
    assert step is not None
    world.finish(step)
    run_finalize(run_id=run.pk)
    said = quote("report")
    assert "stories" in said
    assert "standard" in said
    assert "1 of 1" in said
