"""Files as runs make them, without a worker."""

from datetime import timedelta
from typing import Any

from django.utils.timezone import now

from batchgen.db.ids import new_id
from content.export.models import ExportFile
from content.export.storage import file_store
from epics.models import Project
from runs.engine.start import RunOptions, run_start
from runs.models import Run


def export_start(project: Project, **options: Any) -> Run:
    """An export that nobody works on yet."""
    return run_start(project=project, user=None, options=RunOptions(type="EXPORT", options=options))


def file_make(
    run: Run, content: bytes = b"exported", *, kept_s: float = 3600, **fields: Any
) -> ExportFile:
    """What the run's item stores when it is done."""
    stored = file_store([content], suffix=".txt")
    return ExportFile.objects.create(
        **{
            "project_id": run.project_id,
            "run_id": run.pk,
            "item_id": new_id(),
            "name": "tides.txt",
            "media_type": "text/plain",
            "bytes": stored.bytes,
            "sha256": stored.sha256,
            "stored_as": stored.name,
            "expires_at": now() + timedelta(seconds=kept_s),
            **fields,
        }
    )
