"""What becomes of a run whose next call does not fit a budget: its lanes wait while calls under way
hold what is left, and then it is paused. Whoever looks on is told how far a budget is used up.
"""

from random import SystemRandom
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Value, When

from batchgen.micro_usd import usd_text
from content.registry import kind_started_by
from runs.engine.budgets import budget_words, spent_text
from runs.engine.news import RunNews, news_tell
from runs.engine.refusals import PRICE_MISSING_CODE, PRICE_MISSING_TEXT, BudgetRefused
from runs.engine.trail import log_append
from runs.engine.transitions import run_begin, run_move
from runs.models import Budget, Lane, Run, RunAction, RunLog
from runs.states import LaneState, RunStatus, WaitReason

_RANDOM = SystemRandom()
#: Lanes of a run that look again, each within so many seconds; of more, each looks less often.
_LOOKING, _WAIT_S = 50, (2.0, 4.0)
#: Parts of a budget that people are told of when so much is spent, in percent.
_TOLD = (50, 80, 95, 100)


def budget_rests(refused: BudgetRefused) -> bool:
    """Whether no call is under way that its budget counts."""
    return Budget.objects.filter(id=refused.budget_id, held_micro_usd=0).exists()


def budget_wait(*, run_id: UUID, refused: BudgetRefused) -> float | None:
    """Pause the run, and None, where no call holds anything of the budget; else how many seconds
    a lane is to wait before it looks again."""
    if budget_rests(refused) and _pause(run_id, refused):
        return None
    waiting = Lane.objects.filter(
        run_id=run_id, state=LaneState.PARKED, wait_reason=WaitReason.BUDGET
    ).count()
    return _RANDOM.uniform(*_WAIT_S) * max(1.0, waiting / _LOOKING)


def run_pause_unpriced(*, run_id: UUID) -> None:
    """Pause a run whose calls cost nobody knows what, where a budget applies."""
    _begin(run_id)
    run_move(
        run_id=run_id,
        to=RunStatus.PAUSED,
        kind=RunAction.Kind.PAUSE,
        message=PRICE_MISSING_TEXT,
        error_code=PRICE_MISSING_CODE,
    )


def _begin(run_id: UUID) -> None:
    """Only a run that has begun is paused."""
    run_type = Run.objects.values_list("type", flat=True).filter(id=run_id).first()
    if run_type:
        run_begin(run_id=run_id, item_word=kind_started_by(run_type).item_words[0])


def _pause(run_id: UUID, refused: BudgetRefused) -> bool:
    budget = Budget.objects.get(id=refused.budget_id)
    _begin(run_id)
    moved = run_move(
        run_id=run_id,
        to=RunStatus.PAUSED,
        kind=RunAction.Kind.PAUSE,
        message=_reached_text(budget, refused.need),
        error_code="BUDGET_REACHED",
        still=lambda: _is_reached(refused),
    )
    if moved is not None:
        _tell(budget, 100)
    return moved is not None


def _is_reached(refused: BudgetRefused) -> bool:
    """Under the budget's lock: nobody gives anything of it back, or raises it, meanwhile."""
    reached = Budget.objects.select_for_update(no_key=True).filter(
        id=refused.budget_id,
        held_micro_usd=0,
        limit_micro_usd__lt=F("spent_micro_usd") + F("possibly_micro_usd") + refused.need,
    )
    return bool(reached.values_list("id", flat=True))


def _reached_text(budget: Budget, need: int) -> str:
    name, raise_it = budget_words(budget)
    return (
        f"{name[0].upper()}{name[1:]} is reached: {spent_text(budget)}, and the next call can cost "
        f"up to {usd_text(need)}. {raise_it}, then resume."
    )


def budgets_tell() -> int:
    """Tell of budgets of which more is spent than was told; how many parts were told."""
    steps = zip((0, *_TOLD), _TOLD, strict=False)
    next_percent = Case(*[When(told_percent=told, then=Value(then)) for told, then in steps])
    passed = Budget.objects.filter(limit_micro_usd__gt=0, told_percent__lt=100).filter(
        limit_micro_usd__lte=(F("spent_micro_usd") + F("possibly_micro_usd")) * 100 / next_percent
    )
    return sum(_tell(budget, _percent(budget)) for budget in passed)


def _percent(budget: Budget) -> int:
    spent = budget.spent_micro_usd + budget.possibly_micro_usd
    return spent * 100 // (budget.limit_micro_usd or 1)


@transaction.atomic
def _tell(budget: Budget, percent: int) -> int:
    """Tell of each part up to this one that nobody was told of, in the logs of the runs that it
    is for; how many."""
    parts = [part for part in _TOLD if budget.told_percent < part <= percent]
    if not parts:
        return 0
    open_runs = Run.objects.filter(completed_at__isnull=True)
    if budget.run_id:
        open_runs = open_runs.filter(id=budget.run_id)
    if budget.project_id:
        open_runs = open_runs.filter(project_id=budget.project_id)
    name, _ = budget_words(budget)
    for run_id in open_runs.values_list("id", flat=True):
        for part in parts:
            log_append(
                run_id=run_id,
                level=RunLog.Level.INFO if part == _TOLD[0] else RunLog.Level.WARNING,
                message=f"{part} % of {name} is used up: {spent_text(budget)}.",
            )
        news_tell(run_id, RunNews.BUDGET)
    # Budgets are locked last. Of several that tell the same one is first.
    told = Budget.objects.filter(
        id=budget.pk, told_percent=budget.told_percent, limit_micro_usd=budget.limit_micro_usd
    ).update(told_percent=parts[-1])
    if not told:
        transaction.set_rollback(True)
    return len(parts) if told else 0
