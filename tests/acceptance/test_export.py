"""Exports as runs, with real workers: what happens while a file is written, whatever that is."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from content.export import files
from content.export.files import orphans_sweep
from content.export.models import ExportFile
from content.export.storage import file_names
from epics.models import Project
from runs.engine.controls import run_control, run_retry
from runs.engine.start import RunOptions, run_start
from runs.models import OpenTarget, PacingProfile, ProviderCall, Run, RunItem, RunLog
from tests.acceptance.fleet import Fleet, database_url, wait_for, wait_until_ended
from tests.factories import client_of, project_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    return project_make(epics=30, cards=1, stories=3)


@pytest.fixture(autouse=True)
def _no_file() -> None:
    for name in list(file_names()):
        (Path(settings.EXPORT_DIR) / name).unlink()


def start(project: Project, name: str = "json", **options: Any) -> Run:
    chosen = RunOptions(
        type="EXPORT", options={"format": name, **options}, pacing_profile="adaptive"
    )
    return run_start(project=project, user=project.created_by, options=chosen)


def fetched(run: Run) -> bytes:
    answer = client_of(run.project.created_by).get(f"/api/v1/runs/{run.pk}/file")
    assert answer.status_code == 200, answer.content
    return b"".join(answer)


def stories_in(exported: bytes) -> int:
    return sum(len(epic["stories"]) for epic in json.loads(exported)["epics"])


@contextmanager
def held(table: str) -> Iterator[None]:
    """Whoever reads or writes the table waits."""
    with psycopg.connect(database_url()) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def wait_until_it_waits() -> None:
    """A worker is in the middle of it, and waits for what is held."""
    with psycopg.connect(database_url(), autocommit=True) as connection:
        waiting = "SELECT FROM pg_locks WHERE NOT granted"
        wait_for(lambda: connection.execute(waiting).rowcount > 0, "it waits")


def test_an_export_runs_without_a_call_and_ends_with_a_file(fleet: Fleet, project: Project) -> None:
    fleet.start()
    run = start(project, "csv", bom=False)
    wait_until_ended(run)
    assert (run.status, run.total_items) == ("SUCCEEDED", 1)
    item = RunItem.objects.get(run=run)
    assert (item.kind, item.target_id, item.created) == ("export", project.pk, 1)
    assert not ProviderCall.objects.exists()
    assert not OpenTarget.objects.exists()
    file = ExportFile.objects.get()
    exported = fetched(run)
    assert len(exported) == file.bytes
    assert exported.startswith(b"Epic code,")
    assert exported.count(b"\r\n") == 91
    last = RunLog.objects.filter(run=run).latest("id")
    assert last.message == "SUCCEEDED: 1 file from 1 project."


def test_two_exports_of_a_project_go_side_by_side(fleet: Fleet, project: Project) -> None:
    runs = [start(project, name) for name in ("json", "gherkin", "json")]
    fleet.start()
    wait_until_ended(*runs)
    assert [run.status for run in runs] == ["SUCCEEDED"] * 3
    assert fetched(runs[0]) == fetched(runs[2])
    assert fetched(runs[1]).startswith(b"PK")


def test_a_worker_killed_while_it_writes_leaves_nothing(fleet: Fleet, project: Project) -> None:
    worker = fleet.start(mortal=True)
    with held("epics_story"):
        run = start(project)
        wait_until_it_waits()
        worker.process.kill()
        worker.process.wait()
        answer = client_of(project.created_by).get(f"/api/v1/runs/{run.pk}/file")
        assert answer.status_code == 409
    assert not list(file_names())
    fleet.start("w2")
    wait_until_ended(run)
    assert run.status == "SUCCEEDED"
    assert stories_in(fetched(run)) == 90
    assert RunItem.objects.get(run=run).crashes == 1


def test_a_worker_killed_before_the_file_has_a_row_leaves_one_to_sweep(
    fleet: Fleet, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = fleet.start(mortal=True)
    with ExitStack() as row_held:
        with held("epics_story"):
            run = start(project)
            wait_until_it_waits()
            row_held.enter_context(held("export_exportfile"))
        wait_for(lambda: list(file_names()), "it is stored")
        wait_until_it_waits()
        worker.process.kill()
        worker.process.wait()
    fleet.start("w2")
    wait_until_ended(run)
    assert run.status == "SUCCEEDED"
    assert len(list(file_names())) == 2
    assert orphans_sweep() == 0, "it may be about to get its row"
    monkeypatch.setattr(files, "ORPHAN_S", -60)
    assert orphans_sweep() == 1
    assert list(file_names()) == [ExportFile.objects.get().stored_as]
    assert stories_in(fetched(run)) == 90


def test_a_pause_lets_the_file_be_finished(fleet: Fleet, project: Project) -> None:
    fleet.start()
    with held("epics_story"):
        run = start(project)
        wait_until_it_waits()
        moved = run_control(run=run, action="pause", user=project.created_by)
        assert moved.in_flight == 1
    wait_for(ExportFile.objects.exists, "it is stored")
    run.refresh_from_db()
    assert run.status in {"PAUSED", "SUCCEEDED"}
    if run.status == "PAUSED":
        run_control(run=run, action="resume", user=project.created_by)
    wait_until_ended(run)
    assert run.status == "SUCCEEDED"
    assert stories_in(fetched(run)) == 90


def test_a_cancelled_export_keeps_what_had_begun(fleet: Fleet, project: Project) -> None:
    fleet.start()
    with held("epics_story"):
        run = start(project)
        wait_until_it_waits()
        run_control(run=run, action="cancel", user=project.created_by)
    wait_until_ended(run)
    assert run.status == "CANCELLED"
    assert stories_in(fetched(run)) == 90


def test_a_worker_told_to_stop_finishes_the_file(fleet: Fleet, project: Project) -> None:
    worker = fleet.start()
    with held("epics_story"):
        run = start(project)
        wait_until_it_waits()
        worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(20) == 0
    run.refresh_from_db()
    assert ExportFile.objects.filter(run_id=run.pk).exists()


def test_a_storage_that_takes_nothing_fails_the_item_and_a_retry_makes_it_good(
    fleet: Fleet, project: Project, tmp_path: Path
) -> None:
    PacingProfile.objects.filter(name="adaptive").update(max_retries=1, retry_wait_ms=10)
    in_the_way = tmp_path / "exports"
    in_the_way.write_text("no folder")
    fleet.environment["BATCHGEN_EXPORT_DIR"] = str(in_the_way)
    worker = fleet.start()
    run = start(project)
    wait_until_ended(run)
    item = RunItem.objects.get(run=run)
    assert (run.status, item.error_code, item.attempt) == ("FAILED", "STORAGE_UNAVAILABLE", 2)
    assert "BATCHGEN_EXPORT_DIR" in item.error
    worker.process.kill()
    worker.process.wait()
    del fleet.environment["BATCHGEN_EXPORT_DIR"]
    fleet.start("w2")
    again = run_retry(run=run, user=project.created_by, include_pending=False)
    wait_until_ended(again)
    assert again.status == "SUCCEEDED"
    assert stories_in(fetched(again)) == 90


def test_a_file_of_another_host_is_told_as_such(
    fleet: Fleet, project: Project, tmp_path: Path
) -> None:
    fleet.environment["BATCHGEN_EXPORT_DIR"] = str(tmp_path / "another")
    fleet.start()
    run = start(project)
    wait_until_ended(run)
    answer = client_of(project.created_by).get(f"/api/v1/runs/{run.pk}/file")
    assert answer.status_code == 503
    assert "BATCHGEN_EXPORT_DIR" in answer.json()["error"]["message"]
