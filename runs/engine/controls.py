"""What people do to a run that is under way, or over. Each says who did it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from batchgen.errors import InvalidTransition, ValidationFailed, VersionConflict
from batchgen.micro_usd import usd_of, usd_text
from content.registry import kind_named, kind_started_by
from runs.engine.budgets import BUDGET, budget_left, price_check, run_budget_set
from runs.engine.queries import QUERIES
from runs.engine.quotas import lanes_check, users_hold
from runs.engine.start import RunOptions, model_chosen, run_start
from runs.engine.start_rows import lanes_provide
from runs.engine.start_words import many_key
from runs.engine.trail import Actor, action_append, action_write, actor_hold, log_append
from runs.engine.transitions import (
    Transition,
    run_dispatch,
    run_finalize,
    run_move,
    run_rest,
    run_standing,
)
from runs.models import Run, RunAction, RunItem
from runs.states import ACTIVE, ItemStatus, RunStatus

_CONTROLS = {
    "pause": (RunStatus.PAUSED, RunAction.Kind.PAUSE, "paused"),
    "resume": (RunStatus.RUNNING, RunAction.Kind.RESUME, "resumed"),
    "cancel": (RunStatus.CANCELLED, RunAction.Kind.CANCEL, "cancelled"),
}
#: An item may be handed out, given back or finished while its cancelling looks at it.
_TRIES = 5


def run_control(*, run: Run, action: str, user: Actor, cancel_batches: bool = False) -> Transition:
    """pause, resume or cancel.

    Args:
        cancel_batches: at a pause, have what is out in the provider's batches cancelled there; by
            default it is waited for.

    Raises:
        InvalidTransition: the status does not allow it, or somebody else was first.
    """
    to, kind, done = _CONTROLS[action]
    message = f"{done.capitalize()} by {user.get_username()}."
    moved = run_move(
        run_id=run.id,
        to=to,
        kind=kind,
        user=user,
        message=message,
        cancel_batches=cancel_batches,
    )
    if moved is None:
        _refuse(run, done)
    return moved


def _refuse(run: Run, done: str) -> NoReturn:
    status = Run.objects.values_list("status", flat=True).get(id=run.id)
    actions = RunAction.objects.filter(run=run).annotate(age=Now() - F("at"))
    last = actions.order_by("-id").first()
    message = f"{_a_run(status).capitalize()} cannot be {done}."
    if last:
        seconds = max(0, round(last.age.total_seconds()))
        message += f" The last action was {last.kind} by {last.actor}, {seconds} s ago."
    raise InvalidTransition(message, status=status)


def _a_run(status: str) -> str:
    """`a cancelled run`. No status begins with a vowel."""
    return f"a {status.lower().replace('_', ' ')} run"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """What a run may spend from now on; None: without a limit of its own."""

    micro_usd: int | None


def run_change(
    *,
    run: Run,
    user: Actor,
    version: int | None = None,
    priority: str | None = None,
    max_concurrency: int | None = None,
    budget: Limit | None = None,
) -> None:
    """Change the priority, the number of lanes or the budget, from the next dispatched item on.

    Args:
        version: the run has to have it still; None: whatever it is.

    Raises:
        VersionConflict: somebody changed the run in the meantime.
        InvalidTransition: it is final.
        PriceUnknown: it is to have a budget, and its model has no price.
        QuotaReached: who started the run has too many lanes.
    """
    changes: dict[str, object] = {}
    others: dict[str, object] = {}
    if priority is not None:
        changes["priority"] = priority
        # What it was computed from is not what this one comes from.
        others["priority_reasons"] = []
    if max_concurrency is not None:
        changes["max_concurrency"] = max_concurrency
        others["adaptive_lanes"] = False
    details: dict[str, object] = dict(changes)
    told = [f"{name.replace('_', ' ')} {value}" for name, value in changes.items()]
    if budget is not None:
        micro_usd = budget.micro_usd
        if micro_usd is not None and run.provider:
            price_check(run.model)
        details[BUDGET] = None if micro_usd is None else str(usd_of(micro_usd))
        told.append("no budget" if micro_usd is None else f"budget {usd_text(micro_usd)}")
    with transaction.atomic():
        users_hold(run, user)
        found = Run.objects.filter(id=run.id, status__in=ACTIVE)
        changed = (found if version is None else found.filter(version=version)).update(
            **changes, **others, version=F("version") + 1
        )
        if not changed:
            if Run.objects.filter(id=run.id, status__in=ACTIVE).exists():
                raise VersionConflict
            _refuse(run, "changed")
        wanted = min(max_concurrency or 0, run.total_items)
        lanes_check(run, more=wanted - run.lanes.count())
        lanes_provide(run=run, most=wanted)
        if max_concurrency is not None:
            details["lanesBefore"] = run.max_concurrency
            details["epicsDone"] = run_standing(run_id=run.id).done
        action_append(run_id=run.id, kind=RunAction.Kind.CHANGE, user=user, details=details)
        message = f"Changed by {user.get_username()}: {', '.join(told)}."
        log_append(run_id=run.id, message=message)
        if budget is not None:
            run_budget_set(run_id=run.id, micro_usd=budget.micro_usd)
    run_rest(run_id=run.id)
    run_dispatch(run_id=run.id)


def run_item_cancel(*, item: RunItem, user: Actor) -> None:
    """Cancel one item: at once when it waits; when it is generated, its call is aborted.

    Raises:
        InvalidTransition: it or its run is final, or it is being cancelled already.
    """
    of_epics = kind_named(item.kind).item_kind == "epic"
    named = {"runEpicId": str(item.id), "epicCode": item.code}
    with transaction.atomic():
        actor_hold(run_id=item.run_id, user=user)
        _item_cancel(item)
        action_write(
            run_id=item.run_id,
            kind=RunAction.Kind.CANCEL_EPIC if of_epics else RunAction.Kind.CANCEL_ITEM,
            user=user,
            details=named if of_epics else {"itemId": str(item.id), "code": item.code},
        )
        log_append(
            run_id=item.run_id,
            item_code=item.code,
            level="warning",
            message=f"[{item.code}] Cancelled by {user.get_username()}.",
        )
    run_dispatch(run_id=item.run_id)
    run_finalize(run_id=item.run_id)


def _item_cancel(item: RunItem) -> None:
    params: dict[str, Any] = {"run_id": item.run_id, "item_ids": [item.id], "under_way": True}
    with connection.cursor() as cursor:
        for _ in range(_TRIES):
            cursor.execute(QUERIES["items_cancel"], params)
            if cursor.fetchone():
                return
            _refuse_item(RunItem.objects.select_related("run").get(id=item.id))
    one = kind_named(item.kind).item_words[0]
    raise InvalidTransition(f"This {one} is being handed out this very moment. Try again.")


def _refuse_item(item: RunItem) -> None:
    """Raise where it cannot be cancelled for more than this moment."""
    run_status, status = item.run.status, item.status
    one = kind_named(item.kind).item_words[0]
    if run_status not in ACTIVE:
        message = f"No {one} of {_a_run(run_status)} can be cancelled."
        raise InvalidTransition(message, status=run_status)
    if status not in (ItemStatus.PENDING, ItemStatus.GENERATING):
        raise InvalidTransition(f"This {one} is {status.lower()} already.", status=status)
    if item.cancel_requested:
        raise InvalidTransition(f"This {one} is being cancelled already.", status=status)


def _priorities_given(run: Run) -> dict[UUID, int]:
    """{target: priority} of those to whose items people gave one, in this run or in those that it
    retries; the last one counts."""
    runs, retried = [run.pk], run.retried_from_id
    while retried:
        runs.append(retried)
        retried = Run.objects.values_list("retried_from", flat=True).filter(pk=retried).first()
    actions = RunAction.objects.filter(run__in=runs, kind=RunAction.Kind.PRIORITY).order_by("id")
    given = {UUID(each.details["itemId"]): each.details["priority"] for each in actions}
    items = RunItem.objects.filter(pk__in=given).values_list("pk", "target_id")
    target_of = {item: target for item, target in items if target}
    return {target_of[item]: priority for item, priority in given.items() if item in target_of}


def run_retry(
    *,
    run: Run,
    user: Actor,
    include_pending: bool,
    error_codes: Collection[str] = (),
    item_ids: Collection[UUID] | None = None,
    budget: Limit | None = None,
) -> Run:
    """A new run over the failed items of a final one, with its options, said in both trails.

    So are the priorities that people gave to items. What is not chosen by people is that of today:
    provider, the pacing profile's numbers, and the model where its starter named none.

    Args:
        include_pending: those that were not begun too, as a cancelled run leaves them.
        error_codes: only those that failed with one of these; none: all that failed.
        item_ids: of all these only those of this run's items; None: all.
        budget: of the new run; None: what is left of the old one's.

    Raises:
        BudgetReached: nothing is left of that, or of a month's budget.
        PriceUnknown: a budget applies, and the model has no price.
        InvalidTransition: the run is not over, calls in flight included.
        ValidationFailed: nothing to retry.
        RunAlreadyActive: the project has an active run of this type.
        ItemAlreadyActive: one of the items is open in another run.
    """
    if run.completed_at is None:
        raise InvalidTransition(
            "This run is not over. Wait for its end, or cancel it; calls in flight finish first.",
            status=run.status,
        )
    kind = kind_started_by(run.type)
    wanted = Q(status=ItemStatus.FAILED)
    if error_codes:
        wanted &= Q(error_code__in=error_codes)
    if include_pending:
        wanted |= Q(status=ItemStatus.PENDING)
    if item_ids is not None:
        wanted &= Q(pk__in=item_ids)
    items = RunItem.objects.filter(wanted, run=run).order_by("order")
    target_ids = [item.target_id for item in items if item.target_id]
    if not target_ids:
        raise ValidationFailed(f"There are no {kind.item_words[1]} to retry in this run.")
    options = RunOptions(
        type=run.type,
        options=run.options,
        pacing_profile=run.pacing_profile,
        priority=run.priority,
        target_ids=target_ids,
        max_concurrency=None if run.adaptive_lanes else run.max_concurrency,
        deadline=run.deadline,
        lane=run.lane,
        model=model_chosen(run=run),
        priorities=_priorities_given(run),
        budget_micro_usd=budget.micro_usd if budget else budget_left(run),
    )
    with transaction.atomic():
        retry = run_start(project=run.project, user=user, options=options, retried_from=run)
        action_append(
            run_id=run.id,
            kind=RunAction.Kind.RETRY,
            user=user,
            details={"newRunId": str(retry.id), many_key(kind): retry.total_items},
        )
    return retry
