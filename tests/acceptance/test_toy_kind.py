"""Another content kind goes end to end: nothing in runs, workers, the limiter or providers
knows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection, transaction

from content import registry
from epics.models import Project
from runs.engine.start import RunOptions, run_start
from runs.models import OpenTarget, ProviderCall, RunItem, RunLog
from tests.acceptance.fleet import Fleet, wait_until_ended
from tests.conftest import Simulator
from tests.integration.engine.world import project_make
from tests.toykind.kind import SLOGANS, WRITE_SLOGANS, Note

pytestmark = pytest.mark.django_db(transaction=True)

_ROOT = Path(__file__).resolve().parents[2]
#: Rooms in which a new kind changes nothing.
_OTHERS = ("runs", "workers", "limiter", "providers")


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, fleet: Fleet) -> Iterator[Project]:
    """A project with three notes; here and in a worker the kind is known."""
    monkeypatch.setattr(registry, "_KINDS", dict(registry._KINDS))
    registry.kind_register(SLOGANS)
    with connection.schema_editor() as editor:
        editor.create_model(Note)
    made = project_make(epics=1)
    Note.objects.bulk_create(Note(project=made, text=text) for text in ("boats", "oars", "sails"))
    fleet.command = "tests.toykind.worker"
    fleet.start("w1")
    yield made
    with connection.schema_editor() as editor:
        editor.delete_model(Note)


def test_a_kind_of_its_own_goes_end_to_end(project: Project, provider: Simulator) -> None:
    gone = Note.objects.get(text="oars")
    with transaction.atomic():  # the run's messages go out when it is over
        run = run_start(
            project=project,
            user=project.created_by,
            options=RunOptions(type=WRITE_SLOGANS, options={"loud": True}, max_concurrency=1),
        )
        gone.delete()
    wait_until_ended(run)
    assert run.status == "SUCCEEDED"
    items = RunItem.objects.filter(run=run).order_by("order").values_list("code", "status", "kind")
    assert list(items) == [
        ("N1", "COMPLETED", "slogans"),
        ("N2", "SKIPPED", "slogans"),
        ("N3", "COMPLETED", "slogans"),
    ]
    slogans = Note.objects.order_by("text").values_list("slogan", flat=True)
    assert all(slogan and slogan == slogan.upper() for slogan in slogans)
    assert ProviderCall.objects.filter(outcome="ANSWERED").count() == 2
    assert not OpenTarget.objects.exists()
    last = RunLog.objects.filter(run=run).latest("id")
    assert last.message == "SUCCEEDED: 2 slogans from 2 notes, 1 skipped."


def test_the_stories_are_a_folder_and_a_line() -> None:
    """And the API's own words for them: what may be asked of a run, and what is shown of it."""
    files = (path for room in (*_OTHERS, "content") for path in (_ROOT / room).rglob("*.py"))
    names = {
        path.relative_to(_ROOT).as_posix()
        for path in files
        if "content.stories" in path.read_text()
    }
    outside = {name for name in names if not name.startswith("content/stories/")}
    assert outside == {
        "content/registry.py",
        "runs/api/run_input.py",
        "runs/api/run_output.py",
        "runs/management/commands/generate.py",
    }
