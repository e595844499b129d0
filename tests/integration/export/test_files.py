"""How files go: when they are over, with their project, and where nobody has them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import storages

from batchgen.errors import QuotaReached
from batchgen.stored_files import EXPORTS
from content.export import files
from content.export.files import ORPHAN_S, files_expire, orphans_sweep
from content.export.models import ExportFile
from content.export.storage import StorageAway, file_names, file_open, file_store
from content.export.tasks import delete_files
from epics.files.backlog_export import FORMATS
from epics.services import project_delete
from runs.models import Run
from tests.factories import project_make
from tests.integration.export.world import export_start, file_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder() -> Path:
    folder = Path(settings.EXPORT_DIR)
    for name in list(file_names()):
        (folder / name).unlink()
    return folder


@pytest.fixture
def run() -> Run:
    return export_start(project_make())


class Broken:
    """A storage that deletes nothing."""

    def delete(self, name: str) -> None:
        raise OSError("read-only")


def old(path: Path) -> None:
    then = time.time() - ORPHAN_S - 60
    os.utime(path, (then, then))


def test_files_that_are_over_are_deleted_and_others_stay(run: Run) -> None:
    over, kept = file_make(run, kept_s=-1), file_make(run)
    assert delete_files() == {"expired": 1, "orphans": 0}
    assert list(file_names()) == [kept.stored_as]
    assert not ExportFile.objects.filter(pk=over.pk).exists()


def test_a_file_that_went_before_its_row_is_no_matter(run: Run, folder: Path) -> None:
    """As a process leaves it that dies in between."""
    file = file_make(run, kept_s=-1)
    (folder / file.stored_as).unlink()
    assert files_expire() == 1
    assert not ExportFile.objects.exists()


def test_a_file_that_the_storage_keeps_is_tried_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_make(run, kept_s=-1)
    monkeypatch.setattr("content.export.storage._storage", Broken)
    assert files_expire() == 0
    assert ExportFile.objects.exists()


def test_a_project_takes_its_files_with_it(run: Run) -> None:
    file_make(run)
    other = file_make(export_start(project_make()))
    Run.objects.filter(pk=run.pk).update(status="SUCCEEDED", completed_at="2026-01-01T00:00Z")
    project_delete(project_id=run.project_id)
    assert list(file_names()) == [other.stored_as]
    assert list(ExportFile.objects.all()) == [other]


def test_what_the_storage_keeps_of_a_project_is_swept_later(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_make(run)
    Run.objects.filter(pk=run.pk).update(status="SUCCEEDED", completed_at="2026-01-01T00:00Z")
    with monkeypatch.context() as patch:
        patch.setattr("content.export.storage._storage", Broken)
        project_delete(project_id=run.project_id)
    assert not ExportFile.objects.exists()
    assert list(file_names()) == [file.stored_as]
    assert orphans_sweep() == 0
    old(folder / file.stored_as)
    assert orphans_sweep() == 1
    assert not list(file_names())


def test_the_sweep_leaves_what_a_row_names(run: Run, folder: Path) -> None:
    old(folder / file_make(run).stored_as)
    assert orphans_sweep() == 0
    assert len(list(file_names())) == 1


def test_a_sweep_of_more_than_it_looks_at_at_once(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_AT_ONCE", 2)
    kept = {file_make(run).stored_as for _ in range(3)}
    for _ in range(4):
        old(folder / file_store([b"x"], suffix=".txt").name)
    assert orphans_sweep() == 4
    assert set(file_names()) == kept


def test_nothing_was_stored_yet() -> None:
    Path(settings.EXPORT_DIR).rmdir()
    assert orphans_sweep() == 0


def test_a_user_has_so_many_mb_of_files(run: Run, settings: Any) -> None:
    settings.USER_EXPORT_MB = 3
    project = run.project
    file_make(run, bytes=2_000_001)
    with pytest.raises(QuotaReached) as refused:
        export_start(project)
    assert refused.value.details["setting"] == "BATCHGEN_USER_EXPORT_MB"
    assert refused.value.details["used"] == 3
    export_start(project_make())  # another user's
    ExportFile.objects.update(bytes=2_000_000)
    export_start(project)


def test_a_file_of_which_a_part_cannot_be_made_is_none() -> None:
    def parts() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        file_store(parts(), suffix=".txt")
    assert not list(file_names())


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storages[EXPORTS], "save", full)
    with pytest.raises(StorageAway, match="No space left on device"):
        file_store([b"x"], suffix=".txt")


def test_others_cannot_read_the_files(run: Run, folder: Path) -> None:
    path = folder / file_make(run).stored_as
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_is_stored_as_it_is_made(name: str) -> None:
    project = project_make(stories=2)
    stored = file_store(FORMATS[name].parts(project), suffix=FORMATS[name].suffix)
    opened = file_open(stored.name, size=stored.bytes)
    assert opened
    with opened:
        assert opened.read() == b"".join(FORMATS[name].parts(project))
