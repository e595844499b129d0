"""Reads of a run's log, in commit order."""

from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from batchgen.db.compiled_query import CompiledRows
from runs.engine.queries import QUERIES
from runs.models import RunLog

#: Space of the advisory locks under which a run's lines are numbered.
_LOCK_SPACE = 7101


def log_after(*, run_id: UUID, seq: int, limit: int | None = None) -> CompiledRows[RunLog]:
    """The run's lines after `seq`, oldest first, as many as `limit` or all; a later call never
    finds one in between."""
    log_number(run_id=run_id)
    return log_numbered(run_id=run_id, seq=seq, limit=limit)


def log_numbered(*, run_id: UUID, seq: int, limit: int | None = None) -> CompiledRows[RunLog]:
    """As `log_after`, of the lines that have a number already."""
    return CompiledRows(_lines, run_id=run_id, seq=seq, limit=limit)


def _lines(*, run_id: UUID, seq: int, limit: int | None) -> "QuerySet[RunLog]":
    return RunLog.objects.filter(run_id=run_id, seq__gt=seq).order_by("seq")[:limit]


def log_last(*, run_id: UUID, limit: int) -> list[RunLog]:
    """The run's last numbered lines, oldest first."""
    lines = RunLog.objects.filter(run_id=run_id, seq__isnull=False).order_by("-seq")
    return list(reversed(lines[:limit]))


def log_number(*, run_id: UUID) -> None:
    """Give every committed line its `seq`.

    One at a time per run, under a lock that no epic's transaction takes. A line that commits
    later gets a later number, whenever it was written.
    """
    if CompiledRows(_unnumbered, run_id=run_id).first() is None:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_SPACE, str(run_id)])
        cursor.execute(QUERIES["log_number"], {"run_id": run_id})


def _unnumbered(*, run_id: UUID) -> "QuerySet[RunLog, int]":
    lines = RunLog.objects.filter(run_id=run_id, seq__isnull=True).order_by()
    return lines.values_list("pk", flat=True)[:1]
