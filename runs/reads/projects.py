"""What a project shows of its runs, and which of them keep it from being deleted.

`runs.apps` registers both with the backlog, which knows of no runs.
"""

from uuid import UUID

from django.db.models import OuterRef, Subquery

from batchgen.errors import RunAlreadyActive
from runs.models import Run


def active_run_id() -> Subquery:
    """The id of the project's newest active run, or null."""
    # An active run is one that has not ended and is not draining: its table's CHECK says so.
    active = Run.objects.filter(
        project=OuterRef("pk"), completed_at__isnull=True, draining=False
    ).order_by("-created_at")
    return Subquery(active.values("pk")[:1])


def open_run_refuse(project_id: UUID) -> None:
    """Keep a project with an open run from being deleted.

    Raises:
        RunAlreadyActive: a run is active, or its last calls are still being finished.
    """
    open_runs = Run.objects.filter(project=project_id, completed_at__isnull=True)
    run_id = open_runs.order_by("created_at").values_list("pk", flat=True).first()
    if run_id is not None:
        raise RunAlreadyActive(
            "A run of this project is active. Cancel it and wait for its end.", runId=str(run_id)
        )
