"""What the doctor says of where exported files are."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from batchgen.stored_files import EXPORTS, export_storage
from content.export.storage import file_names
from tests.factories import project_make
from tests.integration.doctor.conftest import Findings
from tests.integration.export.world import export_start, file_make

pytestmark = pytest.mark.django_db(transaction=True)


def levels(found: Findings) -> dict[str, str]:
    return {code: each["level"] for code, each in found.items()}


def test_files_are_stored_and_found(doctor: Any) -> None:
    file_make(export_start(project_make()))
    before = set(file_names())
    assert levels(doctor("files")) == {"EXPORTS_WRITABLE": "ok", "EXPORTS_FOUND": "ok"}
    assert set(file_names()) == before


def test_files_of_another_host_are_missed(doctor: Any) -> None:
    file = file_make(export_start(project_make()))
    (Path(django_settings.EXPORT_DIR) / file.stored_as).unlink()
    found = doctor("files")
    assert levels(found) == {"EXPORTS_WRITABLE": "ok", "EXPORTS_ELSEWHERE": "error"}
    assert "BATCHGEN_EXPORT_DIR" in found["EXPORTS_ELSEWHERE"]["todo"]


def test_a_place_that_takes_nothing_is_said(doctor: Any, settings: Any, tmp_path: Path) -> None:
    in_the_way = tmp_path / "exports"
    in_the_way.write_text("no folder")
    entry = export_storage(folder=str(in_the_way), s3_url="")
    settings.STORAGES = {**settings.STORAGES, EXPORTS: entry}
    found = doctor("files")
    assert levels(found)["EXPORTS_NOT_WRITABLE"] == "error"
    assert "BATCHGEN_EXPORT_DIR" in found["EXPORTS_NOT_WRITABLE"]["todo"]
