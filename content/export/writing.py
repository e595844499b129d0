"""The job of an export: the project's backlog, written into the storage."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from content.errors import StorageUnavailable, TargetGone
from content.export.storage import StorageAway, file_store
from epics.files.backlog_export import FORMATS, export_name
from epics.models import Project


def backlog_write(*, project_id: str, format: str, bom: bool | None) -> dict[str, Any]:  # noqa: A002 - the option's name
    """Write the backlog as it is now into a new file; how it is called and what it has.

    Raises:
        TargetGone: the project was deleted meanwhile.
        StorageUnavailable: the file could not be stored; it may be a moment later.
    """
    project = Project.objects.filter(pk=UUID(project_id)).first()
    if project is None:
        raise TargetGone("The project was deleted.")
    written = FORMATS[format]
    try:
        stored = file_store(written.parts(project, mark=bom), suffix=written.suffix)
    except StorageAway as error:
        raise StorageUnavailable(f"{error} Try again, or see BATCHGEN_EXPORT_DIR.") from error
    return {
        **asdict(stored),
        "file_name": export_name(project, written),
        "media_type": written.content_type,
    }
