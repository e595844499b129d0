"""Budgets: what may be spent by a run, and in a month by a project and the installation.

The database holds and counts (migration 0024): a call begins only where the most that it can cost
fits every budget that counts it. Here budgets are set, and a start is refused that could begin no
call.
"""

from datetime import date, timedelta
from typing import NoReturn
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Q

from batchgen.db.clock import database_now
from batchgen.errors import BudgetReached, PriceUnknown
from batchgen.micro_usd import usd_of, usd_text
from epics.models import Project
from providers.prices import has_price
from runs.models import Budget, Run

#: In the trail's details: what a run may spend from there on, in dollars.
BUDGET = "budgetUsd"


def run_budget_set(*, run_id: UUID, micro_usd: int | None) -> None:
    """Set what a run may spend; None: no limit of its own. The caller has the run's row, or makes
    it, and locks nothing after this: budgets come last."""
    _budget_set(Budget.Scope.RUN, run_id=run_id, micro_usd=micro_usd)


def budgets_check(run: Run, *, limited: bool) -> None:
    """Refuse a run of which no call could begin.

    Args:
        limited: it has a budget of its own.

    Raises:
        PriceUnknown: a budget applies, and its model has no price.
        BudgetReached: the project's month, or the installation's, is used up.
    """
    if not run.provider:  # it makes no calls
        return
    months = Budget.objects.filter(
        Q(scope=Budget.Scope.INSTALLATION) | Q(project_id=run.project_id),
        month=_months()[0],
        limit_micro_usd__isnull=False,
    )
    budgets = list(months.order_by("id"))
    if limited or budgets:
        price_check(run.model)
    for budget in budgets:
        if budget.spent_micro_usd + budget.possibly_micro_usd >= (budget.limit_micro_usd or 0):
            _refuse(budget)


def budget_left(run: Run) -> int | None:
    """What a run's retry may spend of its budget; None: it has none.

    Raises:
        BudgetReached: nothing is left.
    """
    budget = Budget.objects.filter(run_id=run.pk, limit_micro_usd__isnull=False).first()
    if budget is None:
        return None
    spent = budget.spent_micro_usd + budget.possibly_micro_usd
    left = (budget.limit_micro_usd or 0) - spent
    if left <= 0:
        _refuse(budget, "Give the retry a budgetUsd of its own")
    return left


def price_check(model: str) -> None:
    """Refuse a model whose calls nobody knows the cost of, where a budget is to hold them.

    Raises:
        PriceUnknown: it has no price.
    """
    if not has_price(model, database_now().date()):
        raise PriceUnknown(
            f"A budget applies, and {model} has no price: nobody could say what its calls may "
            "cost. Choose another model, leave the budget out, or have the price added to "
            "providers/prices.toml.",
            model=model,
        )


def budget_words(budget: Budget) -> tuple[str, str]:
    """What it is called, and how it is raised."""
    match budget.scope:
        case Budget.Scope.RUN:
            return "the run's budget", "Raise budgetUsd of the run"
        case Budget.Scope.PROJECT:
            name, setting = "the project's budget", "monthlyBudgetUsd of the project"
        case _:
            name, setting = "the installation's budget", "BATCHGEN_MONTHLY_BUDGET_USD"
    return f"{name} for {budget.month:%B %Y}", f"Raise {setting}, or wait for the next month"


def spent_text(budget: Budget) -> str:
    """How much of it is used up: `$0.93 of $1.00 are spent, and possibly $0.02 more`."""
    spent, limit = usd_text(budget.spent_micro_usd), usd_text(budget.limit_micro_usd or 0)
    text, possibly = f"{spent} of {limit} are spent", budget.possibly_micro_usd
    return f"{text}, and possibly {usd_text(possibly)} more" if possibly else text


def _refuse(budget: Budget, advice: str = "") -> NoReturn:
    name, raise_it = budget_words(budget)
    raise BudgetReached(
        f"{name[0].upper()}{name[1:]} is used up: {spent_text(budget)}. {advice or raise_it}.",
        scope=budget.scope,
        limitUsd=f"{usd_of(budget.limit_micro_usd or 0):.6f}",
        spentUsd=f"{usd_of(budget.spent_micro_usd):.6f}",
    )


def months_ensure() -> None:
    """Have the budgets of this month and of the next, before its first call."""
    limit = settings.MONTHLY_BUDGET_MICRO_USD
    for month in _months():
        known = Budget.objects.filter(scope=Budget.Scope.INSTALLATION, month=month).first()
        if (known.limit_micro_usd if known else None) != limit:
            _budget_set(Budget.Scope.INSTALLATION, month=month, micro_usd=limit)
        there = Budget.objects.filter(
            scope=Budget.Scope.PROJECT, project_id=OuterRef("pk"), month=month
        ).filter(limit_micro_usd=OuterRef("monthly_budget_micro_usd"))
        limited = Project.objects.filter(~Exists(there), monthly_budget_micro_usd__isnull=False)
        for project_id, micro_usd in limited.values_list("pk", "monthly_budget_micro_usd"):
            _budget_set(
                Budget.Scope.PROJECT, project_id=project_id, month=month, micro_usd=micro_usd
            )


def _months() -> tuple[date, date]:
    """The first days of this month and of the next, in UTC."""
    this = database_now().date().replace(day=1)
    return this, (this + timedelta(days=32)).replace(day=1)


def _budget_set(
    scope: Budget.Scope,
    *,
    micro_usd: int | None,
    run_id: UUID | None = None,
    project_id: UUID | None = None,
    month: date | None = None,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT runs_budget_set(%s, %s, %s, %s, %s)",
            [scope.value, run_id, project_id, month, micro_usd],
        )
