"""What a run replaces although people edited or approved it, because its options say so."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from content.kind import counted
from content.registry import Kind, kind_started_by
from runs.models import Run

_COUNT = """
SELECT COUNT(*) FROM (
    {kept}
    EXCEPT
    {kept_by_run}
) replaced
"""


def replaced_count(run: Run) -> int:
    """How many rows would stay if the run kept what was edited and what was approved, and do not,
    as of now."""
    kind = kind_started_by(run.type)
    if not replaces(kind, run.options):
        return 0
    targets = list(run.items.filter(target_id__isnull=False).values_list("target_id", flat=True))
    return replaced_among(kind, targets=targets, options=run.options)


def replaces(kind: Kind, options: Mapping[str, Any]) -> bool:
    """Whether a run with these options replaces anything that it could keep."""
    lifted = any(options.get(name) is False for name in ("keep_edited", "keep_approved"))
    return lifted and bool(kind.kept_sql)


def replaced_text(kind: Kind, count: int) -> str:
    """For people, without a full stop: so many are replaced."""
    what = counted(count, kind.made_words)
    return f"{what} that people edited or approved will be replaced by this run"


def replaced_among(
    kind: Kind, *, targets: Sequence[UUID | None], options: Mapping[str, Any]
) -> int:
    """As `replaced_count`, for a run over these targets with these options, which `replaces`."""
    statement = _COUNT.format(
        kept=kind.kept_sql.replace("%(told)s", "%(all)s"), kept_by_run=kind.kept_sql
    )
    params: dict[str, Any] = {
        "targets": list(targets),
        "told": Jsonb(dict(options)),
        "all": Jsonb({}),
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        ((count,),) = cursor.fetchall()
    return int(count)
