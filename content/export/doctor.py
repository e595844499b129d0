"""Doctor checks of exported files: can they be stored here, and are those of the workers here?"""

from collections.abc import Iterator

from django.db import Error as DjangoDatabaseError
from django.db.models.functions import Now

from batchgen.doctor.registry import Finding, NotChecked, check, error, ok
from content.export.models import ExportFile
from content.export.storage import (
    StorageAway,
    file_delete,
    file_open,
    file_store,
    storage_text,
)

#: The newest files that are looked for.
_LOOKED_FOR = 20
_TODO = (
    "Web and workers need one BATCHGEN_EXPORT_DIR: a shared folder where they are on several "
    "hosts, or BATCHGEN_EXPORT_S3_URL."
)


@check("files")
def exports_writable() -> Iterator[Finding]:
    """A file can be stored, read and deleted here."""
    try:
        stored = file_store([b"doctor"], suffix=".txt")
        file_delete(stored.name)
    except StorageAway as failure:
        yield error(
            "EXPORTS_NOT_WRITABLE",
            f"No file can be stored in {storage_text()}. {failure}",
            "Let batchgen's user write there, or set BATCHGEN_EXPORT_DIR or "
            "BATCHGEN_EXPORT_S3_URL to a place where it may.",
        )
        return
    yield ok("EXPORTS_WRITABLE", f"Exported files are stored in {storage_text()}.")


@check("files")
def exports_found() -> Iterator[Finding]:
    """The newest files, which some worker stored, are here too."""
    try:
        kept = ExportFile.objects.filter(expires_at__gt=Now()).order_by("-created_at")
        newest = list(kept.values_list("stored_as", "bytes")[:_LOOKED_FOR])
    except DjangoDatabaseError as failure:
        raise NotChecked("the table of files cannot be read.") from failure
    try:
        missing = sum(not _is_here(name, size) for name, size in newest)
    except StorageAway as failure:
        raise NotChecked(str(failure)) from failure
    if missing:
        yield error(
            "EXPORTS_ELSEWHERE",
            f"{missing} of the {len(newest)} newest exported files are not in {storage_text()}.",
            _TODO,
        )
    elif newest:
        yield ok("EXPORTS_FOUND", "The newest exported files are where this host looks for them.")


def _is_here(name: str, size: int) -> bool:
    found = file_open(name, size=size)
    if found is None:
        return False
    found.close()
    return True
