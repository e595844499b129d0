"""The files that there are: which one a run made, how much they take, and how they go.

A file goes before its row: a process that dies in between leaves a row that is over, and the next
round deletes both. What no row names was left by an attempt that did not end, or by a project that
went; it is swept once it is so old that nobody can still be about to name it.
"""

import logging
import math
import time
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import IO
from uuid import UUID

from django.db import transaction
from django.db.models import Model, Sum
from django.db.models.functions import Coalesce, Now

from batchgen.errors import Unavailable
from content.export.models import ExportFile
from content.export.storage import (
    StorageAway,
    file_age_s,
    file_delete,
    file_names,
    file_open,
)
from content.kind import MadeFile
from epics.models import Project
from epics.quotas import Quota

log = logging.getLogger(__name__)

EXPORT_MB = Quota(what="MB of exported files", setting="USER_EXPORT_MB")
_MB = 1_000_000
#: An export takes minutes at most, and is named by its row a moment later.
ORPHAN_S = 86_400
_AT_ONCE = 500


def file_of_run(run_id: UUID) -> MadeFile | None:
    """The file that the run made; None where it made none, or none that is still kept."""
    kept = ExportFile.objects.filter(run_id=run_id, expires_at__gt=Now())
    found = kept.order_by("-created_at", "-id").first()
    if found is None:
        return None
    return MadeFile(
        name=found.name,
        media_type=found.media_type,
        size=found.bytes,
        sha256=found.sha256,
        open=partial(_open, found.stored_as, size=found.bytes),
    )


def _open(name: str, *, size: int) -> IO[bytes] | None:
    try:
        return file_open(name, size=size)
    except StorageAway as error:
        raise Unavailable(f"{error} Try again shortly.") from error


def room_check(project: Project) -> None:
    """Refuse another file where the project's creator has as many as are allowed.

    Raises:
        QuotaReached: wait until some expire, or have the limit raised.
    """
    mine = ExportFile.objects.filter(project__created_by=project.created_by_id)
    taken = mine.aggregate(bytes=Coalesce(Sum("bytes"), 0))["bytes"]
    EXPORT_MB.check(used=math.ceil(taken / _MB), more=1)


def files_expire() -> int:
    """Delete the files that are kept no longer; how many. One that the storage does not delete is
    logged, and tried again the next time."""
    over = ExportFile.objects.filter(expires_at__lte=Now()).order_by("expires_at")
    return sum(map(_expire, over.iterator(_AT_ONCE)))


def _expire(file: ExportFile) -> bool:
    if not _deleted(file.stored_as):
        return False
    ExportFile.objects.filter(pk=file.pk).delete()
    return True


def orphans_sweep() -> int:
    """Delete the files that no row names and that are older than ORPHAN_S; how many."""
    now_s = time.time()
    swept = 0
    found = file_names()
    while names := list(islice(found, _AT_ONCE)):
        rows = ExportFile.objects.filter(stored_as__in=names)
        named = set(rows.values_list("stored_as", flat=True))
        for name in set(names) - named:
            swept += file_age_s(name, now_s=now_s) > ORPHAN_S and _deleted(name)
    return swept


def project_files_gone(model: type[Model], ids: Sequence[UUID]) -> None:
    """Have the files of projects that are about to be deleted go with them, once they have."""
    if model is not Project:
        return
    files = ExportFile.objects.filter(project__in=ids)
    for name in files.values_list("stored_as", flat=True):
        transaction.on_commit(partial(_deleted, name), robust=True)


def _deleted(name: str) -> bool:
    try:
        file_delete(name)
    except Exception:  # whatever a storage raises; the other files go all the same
        log.exception("the file %s was not deleted", name)
        return False
    return True
