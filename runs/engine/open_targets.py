"""In which run a target is open: in one at most of its kind (I13).

All targets of an active run are. Of a run that was cancelled, or failed as a whole, those are whose
calls had begun, until they end. The transaction that ends either closes the targets; the
primary key of `OpenTarget` refuses a second run.
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Model

from batchgen.errors import ItemAlreadyActive
from content.kind import Target
from epics.models import Project, Upload
from runs.engine.queries import QUERIES
from runs.models import OpenTarget, Run, RunItem

#: The name that PostgreSQL gave to what holds it.
ONCE = "runs_opentarget_pkey"
_CODES_NAMED = 5


def holders(kind: str, project: Project) -> dict[UUID, UUID]:
    """{target: run} of those of the project's targets that are open."""
    open_targets = OpenTarget.objects.filter(kind=kind, run__project=project)
    return dict(open_targets.values_list("target_id", "run"))


def held_by_code(held: Mapping[UUID, UUID], targets: Iterable[Target]) -> dict[str, str]:
    """{target's code: run's id} of those of the targets that are held, for people. Two stories
    may have the same code, where an epic's was changed."""
    return {target.code: str(held[target.id]) for target in targets if target.id in held}


def codes_text(codes: Sequence[str]) -> str:
    """`E1, E2, E3, E4, E5 and 3 more`."""
    more = len(codes) - _CODES_NAMED
    return ", ".join(codes[:_CODES_NAMED]) + (f" and {more} more" if more > 0 else "")


def already_active(held: dict[str, str], *, run_id: UUID | None = None) -> ItemAlreadyActive:
    """The refusal of a start, or of more items; `held` as `held_by_code` has it."""
    if own := [code for code, holder in held.items() if holder == str(run_id)]:
        message = f"This run includes {codes_text(own)} already. Name what is not in it."
        return ItemAlreadyActive(message, runs=held)
    codes = codes_text(list(held)) or "one of these"
    if Run.objects.filter(pk__in=held.values(), draining=False).exists() or not held:
        advice = f"Another run that is not over includes {codes}. Wait for its end, or cancel it."
    else:
        advice = (
            f"A run that was stopped has {codes} until its calls, and the provider's batches with "
            f"its requests, have ended: after {settings.BATCH_LOST_S / 60:.0f} minutes at the "
            "latest. Start this one then."
        )
    return ItemAlreadyActive(advice, runs=held)


def all_close(*, run_id: UUID) -> None:
    """The run has ended: other runs may have its targets. In the transaction that ends it."""
    with connection.cursor() as cursor:
        cursor.execute(QUERIES["targets_close"], {"run_id": run_id})


def waiting_close(*, run_id: UUID) -> None:
    """The run was cancelled, or failed: other runs may have its targets but those under way.

    In the transaction that moves it. Each of those is closed by the statement that ends it: the
    lanes are told first, and what was being finished meanwhile has been by then.
    """
    with connection.cursor() as cursor:
        cursor.execute(QUERIES["lanes_drain"], {"run_id": run_id})
        cursor.execute(QUERIES["waiting_close"], {"run_id": run_id})


def targets_gone(model: type[Model], ids: Sequence[UUID]) -> None:
    """Forget targets that are about to be deleted, in the same transaction: an item of one of them
    makes nothing any more, and one that is being finished is waited for.

    Raises:
        ItemAlreadyActive: an upload is open, which nobody needs to delete before its run is over.
    """
    if model is Upload:
        _refuse_open(ids)
    with connection.cursor() as cursor:
        cursor.execute("SELECT runs_targets_gone(%s)", [list(ids)])


def _refuse_open(ids: Sequence[UUID]) -> None:
    held = dict(OpenTarget.objects.filter(target_id__in=ids).values_list("target_id", "run"))
    if held:
        items = RunItem.objects.filter(target_id__in=held, run__in=held.values())
        raise already_active({item.code: str(item.run_id) for item in items})
