"""Fetching the file of a run: who may, what it is called, and what is said where there is none."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils.timezone import now

from epics.models import Membership
from runs.engine.start import RunOptions, run_start
from runs.models import Run
from tests.factories import client_of, member_make, project_make, user_make
from tests.integration.export.world import export_start, file_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run() -> Run:
    return export_start(project_make())


def ask(run: Run, user: Any = None, **headers: str) -> Any:
    client = client_of(user or run.project.created_by)
    return client.get(f"/api/v1/runs/{run.pk}/file", headers=headers)


def error_of(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"].startswith("application/json")
    return answer.status_code, answer.json()["error"]["code"]


def test_whoever_reads_the_project_reads_the_file(run: Run) -> None:
    content = bytes(range(256)) * 1000
    file_make(run, content)
    for role in Membership.Role:
        answer = ask(run, member_make(run.project, role), accept="text/html")
        assert answer.status_code == 200
        assert b"".join(answer) == content
        assert int(answer["Content-Length"]) == len(content)
        assert answer["Content-Type"] == "text/plain"
        assert answer["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert ask(run, user_make()).status_code == 404


def test_a_viewer_starts_no_export() -> None:
    project = project_make()
    viewer = client_of(member_make(project, "viewer"))
    answer = viewer.post(f"/api/v1/projects/{project.pk}/runs", {"type": "EXPORT"}, format="json")
    assert error_of(answer) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("name", "plain", "encoded"),
    [
        ("tides.csv", "tides.csv", ""),
        ("ebbe-übersicht.csv", "ebbe-ubersicht.csv", "ebbe-%C3%BCbersicht.csv"),
        ("潮汐.json", "file.json", "%E6%BD%AE%E6%B1%90.json"),
    ],
    ids=["ASCII", "accents", "another script"],
)
def test_a_file_has_a_name_for_every_client(run: Run, name: str, plain: str, encoded: str) -> None:
    file_make(run, name=name)
    behind = f"; filename*=UTF-8''{encoded}" if encoded else ""
    answer = ask(run)
    assert b"".join(answer) == b"exported"
    assert answer["Content-Disposition"] == f'attachment; filename="{plain}"{behind}'


def test_a_file_is_not_there_before_the_run_is_over(run: Run) -> None:
    answer = ask(run)
    assert error_of(answer) == (409, "INVALID_TRANSITION")
    assert "not there yet: the run is QUEUED" in answer.json()["error"]["message"]


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED", "COMPLETED_WITH_ERRORS"])
def test_a_run_that_ended_without_a_file_has_none(run: Run, status: str) -> None:
    Run.objects.update(status=status, completed_at=now())
    answer = ask(run)
    assert error_of(answer) == (404, "NOT_FOUND")
    assert f"it is {status}" in answer.json()["error"]["message"]


def test_a_file_that_is_kept_no_longer_is_told_as_such(run: Run) -> None:
    file_make(run, kept_s=-1)
    Run.objects.update(status="SUCCEEDED", completed_at=now())
    answer = ask(run)
    assert error_of(answer) == (404, "NOT_FOUND")
    assert "7 days after" in answer.json()["error"]["message"]


def test_a_run_of_another_type_makes_none() -> None:
    run = run_start(project=project_make(), user=None, options=RunOptions())
    answer = ask(run)
    assert error_of(answer) == (404, "NOT_FOUND")
    assert "makes no file" in answer.json()["error"]["message"]


@pytest.mark.parametrize("left", [None, b"half"])
def test_a_file_that_is_gone_or_cut_is_not_given_out(run: Run, left: bytes | None) -> None:
    path = Path(settings.EXPORT_DIR) / file_make(run).stored_as
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    answer = ask(run)
    assert error_of(answer) == (503, "UNAVAILABLE")
    assert "BATCHGEN_EXPORT_DIR" in answer.json()["error"]["message"]


def test_the_file_is_closed_with_the_answer(run: Run) -> None:
    file_make(run)
    answer = ask(run)
    b"".join(answer)
    answer.close()
    assert answer._file.closed


def test_the_query_is_strict(run: Run) -> None:
    file_make(run)
    answer = client_of(run.project.created_by).get(f"/api/v1/runs/{run.pk}/file?range=1")
    assert error_of(answer) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "options", [{}, {"format": "azure", "bom": False}, {"format": "gherkin", "bom": None}]
)
def test_an_export_is_started_over_rest(options: dict[str, Any]) -> None:
    project = project_make()
    editor = client_of(member_make(project, "editor"))
    body = {"type": "EXPORT", "options": options}
    answer = editor.post(f"/api/v1/projects/{project.pk}/runs", body, format="json")
    assert answer.status_code == 202, answer.content
    run = Run.objects.get()
    assert run.options == {"language": "", "instructions": "", "format": "json", "bom": None} | (
        options
    )
    shown = editor.get(f"/api/v1/runs/{run.pk}/items").json()["data"]
    assert [(item["kind"], item["targetId"]) for item in shown] == [("project", str(project.pk))]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"format": "xlsx"}, "format"),
        ({"format": "json", "bom": True}, "bom"),
        ({"instructions": "Write more."}, "instructions"),
        ({"language": "German"}, "language"),
        ({"keepEdited": True}, "keepEdited"),
    ],
)
def test_what_an_export_cannot_do_is_refused_by_name(options: dict[str, Any], field: str) -> None:
    project = project_make()
    owner = client_of(project.created_by)
    body = {"type": "EXPORT", "options": options}
    answer = owner.post(f"/api/v1/projects/{project.pk}/runs", body, format="json")
    assert error_of(answer) == (400, "VALIDATION_ERROR")
    assert field in str(answer.json()["error"]["details"])
    assert not Run.objects.exists()
