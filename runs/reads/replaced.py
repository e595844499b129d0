"""What a run replaces although people edited or approved it, because its options say so."""

from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from content.registry import kind_started_by
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
    lifted = [name for name in ("keep_edited", "keep_approved") if run.options.get(name) is False]
    if not kind.kept_sql or not lifted:
        return 0
    targets = list(run.items.filter(target_id__isnull=False).values_list("target_id", flat=True))
    statement = _COUNT.format(
        kept=kind.kept_sql.replace("%(told)s", "%(all)s"), kept_by_run=kind.kept_sql
    )
    params: dict[str, Any] = {"targets": targets, "told": Jsonb(run.options), "all": Jsonb({})}
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        ((count,),) = cursor.fetchall()
    return int(count)
