"""What people do to items of a run that is under way: their priority, more of them, or fewer."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Max

from batchgen.errors import InvalidTransition, ValidationFailed
from content.kind import counted
from content.registry import kind_started_by
from epics.writes import project_lock
from runs.engine.queries import QUERIES
from runs.engine.quotas import items_check, lanes_check, users_hold
from runs.engine.start_rows import items_create, lanes_provide
from runs.engine.start_targets import targets_found
from runs.engine.trail import Actor, action_append, action_write, actor_hold, log_append
from runs.engine.transitions import run_dispatch, run_finalize
from runs.models import Run, RunAction, RunItem
from runs.states import ACTIVE, ItemStatus

#: Items that are cancelled at a time: their lanes wait for it.
_AT_ONCE = 500


@transaction.atomic
def item_prioritise(*, item: RunItem, user: Actor, priority: int) -> None:
    """Have an item go before those with a lower priority, from the next one handed out on.

    One that a lane holds already starts before all that none does.

    Raises:
        InvalidTransition: the item is not PENDING.
    """
    changed = RunItem.objects.filter(
        id=item.id, status=ItemStatus.PENDING, run__status__in=ACTIVE
    ).update(priority=priority)
    if not changed:
        found = RunItem.objects.select_related("run").get(id=item.id)
        status = found.status if found.run.status in ACTIVE else found.run.status
        raise InvalidTransition(
            f"Only an item that waits can be given another priority; this one is {status.lower()}.",
            status=status,
        )
    action_append(
        run_id=item.run_id,
        kind=RunAction.Kind.PRIORITY,
        user=user,
        details={"itemId": str(item.id), "code": item.code, "priority": priority},
    )
    log_append(
        run_id=item.run_id,
        item_code=item.code,
        message=f"[{item.code}] Priority {priority}, by {user.get_username()}.",
    )


@transaction.atomic
def items_add(*, run: Run, user: Actor, target_ids: Sequence[UUID]) -> list[UUID]:
    """Put more targets into a run that is not over, behind the others; the new items' ids.

    Raises:
        InvalidTransition: the run is over.
        ValidationFailed: a target is not the project's, or the run is of one item.
        ItemAlreadyActive: one is open in another run, or was in this one.
        QuotaReached: who started the run has too many items or lanes in runs, or too much stored.
    """
    project_lock(run.project_id)
    kind = kind_started_by(run.type)
    if run.type in kind.one_item:
        message = f"{run.type} takes exactly one {kind.item_words[0]}. Start another run."
        raise ValidationFailed(message, targetIds=[message])
    chosen = kind.options.model_validate(run.options)
    targets = targets_found(kind, run.project, target_ids, chosen)
    users_hold(run, user)
    # The run's end waits for this row, and counts the items by it.
    held = Run.objects.select_for_update(no_key=True).get(id=run.id)
    if held.status not in ACTIVE:
        raise InvalidTransition(
            f"Nothing can be added to a run that is {held.status.lower()}. Start another one.",
            status=held.status,
        )
    last = RunItem.objects.filter(run=run).aggregate(last=Max("order"))["last"] or 0
    items_check(held, more=len(targets))
    ids = items_create(kind, held, targets, after=last)
    Run.objects.filter(id=run.id).update(
        total_items=F("total_items") + len(targets), version=F("version") + 1
    )
    held.total_items += len(targets)
    wanted = min(held.max_concurrency, held.total_items)
    lanes_check(held, more=wanted - held.lanes.count())
    lanes_provide(run=held, most=wanted)
    codes = [target.code for target in targets]
    action_append(run_id=run.id, kind=RunAction.Kind.ADD, user=user, details={"items": len(codes)})
    added = counted(len(codes), kind.item_words)
    log_append(run_id=run.id, message=f"{user.get_username()} added {added}.")
    transaction.on_commit(partial(run_dispatch, run_id=run.id))
    return ids


def items_cancel(*, run: Run, user: Actor, item_ids: Sequence[UUID]) -> int:
    """Cancel those of the run's items that wait; how many that were. What is generated goes on.

    Of many so many at a time, each time told in the trail and the log.

    Raises:
        InvalidTransition: the run is over.
    """
    cancelled = sum(
        _some_cancel(run, user, item_ids[begin : begin + _AT_ONCE])
        for begin in range(0, len(item_ids), _AT_ONCE)
    )
    if not cancelled:
        status = Run.objects.values_list("status", flat=True).get(id=run.id)
        if status not in ACTIVE:
            message = f"A run that is {status.lower()} has nothing left to cancel."
            raise InvalidTransition(message, status=status)
    run_dispatch(run_id=run.id)
    run_finalize(run_id=run.id)
    return cancelled


@transaction.atomic
def _some_cancel(run: Run, user: Actor, item_ids: Sequence[UUID]) -> int:
    actor_hold(run_id=run.id, user=user)
    params: dict[str, Any] = {"run_id": run.id, "item_ids": list(item_ids), "under_way": False}
    with connection.cursor() as cursor:
        cursor.execute(QUERIES["items_cancel"], params)
        cancelled = len(cursor.fetchall())
    if cancelled:
        action_write(
            run_id=run.id,
            kind=RunAction.Kind.CANCEL_ITEM,
            user=user,
            details={"items": cancelled},
        )
        told = counted(cancelled, kind_started_by(run.type).item_words)
        message = f"{told} cancelled by {user.get_username()}."
        log_append(run_id=run.id, level="warning", message=message)
    return cancelled
