"""The rows that a run begins with: its items and its lanes; and those that come later."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from batchgen.db.ids import new_id
from content.kind import Target
from content.registry import Kind
from runs.engine.open_targets import ONCE, already_active, held_by_code, holders
from runs.engine.queries import QUERIES
from runs.models import Run
from runs.states import MoneyLane


def lanes_provide(*, run: Run, most: int) -> None:
    """Make the lanes that the run can use, at most one for each of its items; those that are there
    already are as good. To be called again where `most`, or the number of its items, grew."""
    params: dict[str, Any] = {"run_id": run.id, "count": min(most, run.total_items)}
    with connection.cursor() as cursor:
        cursor.execute(QUERIES["lanes_provide"], params)


def items_create(kind: Kind, run: Run, targets: Sequence[Target], *, after: int = 0) -> list[UUID]:
    """An item for each target, in this order; their ids.

    Args:
        after: the last item's place, where there are items already.

    Raises:
        ItemAlreadyActive: one of them is open in another run.
    """
    ids = [new_id() for _ in targets]
    params: dict[str, Any] = {
        "run_id": run.id,
        "ids": ids,
        "after": after,
        "kind": kind.name,
        "target_ids": [target.id for target in targets],
        "codes": [target.code for target in targets],
        "titles": [target.title for target in targets],
        "priorities": [target.priority for target in targets],
        "held": kind.holds_targets,
        "in_batch": run.lane != MoneyLane.REALTIME,
        "estimated_input_tokens": [target.input_tokens for target in targets],
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(QUERIES["run_items_create"], params)
    except IntegrityError as error:
        # A target is in a run once, whatever became of it there.
        if not any(name in str(error) for name in (ONCE, "target_once_in_run")):
            raise
        held = held_by_code(holders(kind.name, run.project), targets)
        raise already_active(held, run_id=run.id) from error
    return ids
