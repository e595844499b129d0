"""In which run an epic is open: in one at most (I13).

All epics of an active run are. Of a run that was cancelled, or failed as a whole, those are whose
calls had begun, until they end. The transaction that ends either closes the epics; the
primary key of `OpenEpic` refuses a second run.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection

from batchgen.errors import ItemAlreadyActive
from epics.models import Epic, Project
from runs.engine.queries import QUERIES
from runs.models import OpenEpic, RunEpic
from runs.states import RunEpicStatus

#: The name that PostgreSQL gave to what holds it.
ONCE = "runs_openepic_pkey"
_CODES_NAMED = 5


def holders(project: Project, epics: Iterable[Epic]) -> dict[str, str]:
    """{epic's code: run's id} of those of the project's epics that are open."""
    rows = OpenEpic.objects.filter(epic__project=project).values_list("epic", "run")
    runs: dict[UUID, UUID] = dict(rows)
    return {epic.code: str(runs[epic.pk]) for epic in epics if epic.pk in runs}


def codes_text(codes: Sequence[str]) -> str:
    """`E1, E2, E3, E4, E5 and 3 more`."""
    more = len(codes) - _CODES_NAMED
    return ", ".join(codes[:_CODES_NAMED]) + (f" and {more} more" if more > 0 else "")


def already_active(held: dict[str, str]) -> ItemAlreadyActive:
    """The refusal of a start; `held` as `holders` has it."""
    message = (
        f"Another run that is not over includes {codes_text(list(held)) or 'one of these epics'}. "
        "Wait for its end, or cancel it."
    )
    return ItemAlreadyActive(message, runs=held)


def all_close(*, run_id: UUID) -> None:
    """The run has ended: other runs may have its epics. In the transaction that ends it."""
    OpenEpic.objects.filter(run=run_id).delete()


def waiting_close(*, run_id: UUID) -> None:
    """The run was cancelled, or failed: other runs may have its epics but those in generation.

    In the transaction that moves it. Each of those is closed by the statement that ends it: the
    lanes are told first, and what was being finished meanwhile has been by then.
    """
    with connection.cursor() as cursor:
        cursor.execute(QUERIES["lanes_drain"], {"run_id": run_id})
    generating = RunEpic.objects.filter(
        run=run_id, status=RunEpicStatus.GENERATING, epic__isnull=False
    )
    OpenEpic.objects.filter(run=run_id).exclude(epic__in=generating.values("epic")).delete()
