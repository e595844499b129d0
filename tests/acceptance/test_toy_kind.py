"""Other content kinds go end to end: nothing in runs, workers, the limiter or providers
knows them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction

from epics.models import Project
from runs.engine.controls import run_control, run_item_cancel
from runs.engine.start import RunOptions, run_start
from runs.models import OpenTarget, ProviderCall, Run, RunItem, RunLog, Worker
from tests.acceptance.fleet import Fleet, wait_for, wait_until_ended
from tests.conftest import Simulator
from tests.toykind.kind import WRITE_SLOGANS, Note
from tests.toykind.known import noted
from tests.toykind.tallies import COUNT_WORDS

pytestmark = pytest.mark.django_db(transaction=True)

_ROOT = Path(__file__).resolve().parents[2]
#: Rooms in which a new kind changes nothing.
_OTHERS = ("runs", "workers", "limiter", "providers")


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, fleet: Fleet) -> Iterator[Project]:
    """A project with three notes; here and in a worker the kinds are known."""
    with noted(monkeypatch, "boats", "oars", "sails") as made:
        fleet.command = "tests.toykind.worker"
        yield made


def test_a_kind_of_its_own_goes_end_to_end(
    project: Project, fleet: Fleet, provider: Simulator
) -> None:
    fleet.start("w1")
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


def _count(project: Project, *, lanes: int = 1) -> Run:
    options = RunOptions(type=COUNT_WORDS, pacing_profile="adaptive", max_concurrency=lanes)
    return run_start(project=project, user=project.created_by, options=options)


def _hold(*texts: str) -> None:
    Note.objects.update(held=False)
    Note.objects.filter(text__in=texts).update(held=True)


def _wait_for_item(run: Run, code: str, status: str) -> None:
    item = RunItem.objects.filter(run=run, code=code, status=status)
    wait_for(item.exists, f"{code} is {status}")


def test_a_kind_without_calls_needs_no_provider_and_no_permit(
    project: Project, fleet: Fleet
) -> None:
    fleet.provider_url = "http://127.0.0.1:9"
    fleet.environment["BATCHGEN_LIMIT_REQUESTS_PER_MINUTE"] = "1"
    fleet.start("w1")
    Note.objects.filter(text="oars").update(text=" ")
    run = _count(project, lanes=3)
    wait_until_ended(run)
    assert run.status == "COMPLETED_WITH_ERRORS"
    items = RunItem.objects.filter(run=run).order_by("order")
    assert list(items.values_list("status", "error_code", "attempt")) == [
        ("FAILED", "VALIDATION", 1),
        ("COMPLETED", "", 1),
        ("COMPLETED", "", 1),
    ]
    assert sorted(Note.objects.values_list("text", "words")) == [
        (" ", None),
        ("boats", 1),
        ("sails", 1),
    ]
    assert not ProviderCall.objects.exists()
    assert (run.provider, run.model) == ("", "")


def test_what_a_dead_worker_had_of_a_kind_without_calls_is_made_by_another(
    project: Project, fleet: Fleet
) -> None:
    first = fleet.start("w1", concurrency=2, mortal=True)
    _hold("boats", "oars")
    run = _count(project, lanes=2)
    for code in ("N1", "N2"):
        _wait_for_item(run, code, "GENERATING")
    first.process.kill()
    first.process.wait()
    fleet.start("w1")
    _hold()
    wait_until_ended(run)
    assert run.status == "SUCCEEDED"
    assert set(Note.objects.values_list("words", flat=True)) == {1}
    crashes = RunItem.objects.filter(run=run).order_by("order").values_list("crashes", flat=True)
    assert list(crashes) == [1, 1, 0]
    assert not ProviderCall.objects.exists()


def test_a_pause_lets_a_job_end_and_begins_none(project: Project, fleet: Fleet) -> None:
    fleet.start("w1")
    _hold("boats")
    run = _count(project)
    _wait_for_item(run, "N1", "GENERATING")
    wait_for(Run.objects.filter(status="RUNNING").exists, "the run has begun")
    moved = run_control(run=run, action="pause", user=project.created_by)
    assert moved.in_flight == 1
    _hold()
    _wait_for_item(run, "N1", "COMPLETED")
    assert not RunItem.objects.filter(run=run).exclude(code="N1").exclude(status="PENDING").exists()
    run_control(run=run, action="resume", user=project.created_by)
    wait_until_ended(run)
    assert run.status == "SUCCEEDED"


def test_an_item_is_cancelled_while_its_job_runs(project: Project, fleet: Fleet) -> None:
    fleet.environment["BATCHGEN_HEARTBEAT_S"] = "0.2"
    fleet.start("w1")
    _hold("boats")
    run = _count(project)
    _wait_for_item(run, "N1", "GENERATING")
    run_item_cancel(item=RunItem.objects.get(run=run, code="N1"), user=project.created_by)
    beaten = Worker.objects.get().heartbeat_at
    wait_for(
        lambda: Worker.objects.filter(heartbeat_at__gt=beaten + timedelta(seconds=0.5)).exists(),
        "its worker knows",
    )
    _hold()
    wait_until_ended(run)
    items = RunItem.objects.filter(run=run).order_by("order").values_list("status", flat=True)
    assert list(items) == ["CANCELLED", "COMPLETED", "COMPLETED"]
    assert Note.objects.get(text="boats").words is None


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
        "runs/management/starting.py",
    }
