"""Budgets as people see them: what may be spent, what was, and what is left."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings

from batchgen.db.clock import database_now
from epics.models import Project
from runs.models import Budget, LedgerLine
from runs.reads.ledger import current, ledger_spent


def with_left(figures: Mapping[str, int]) -> dict[str, int]:
    """{limit, spent, held, possibly} with what is `left`, and the part that is `used`, in percent;
    micro-dollars."""
    limit = figures["limit"]
    left = max(0, limit - figures["spent"] - figures["held"] - figures["possibly"])
    return {**figures, "left": left, "used": round(100 * (limit - left) / limit) if limit else 100}


@dataclass(frozen=True, kw_only=True, slots=True)
class Month:
    """What was spent since the first of this month, in UTC; micro-dollars.

    Attributes:
        budget: as `with_left` has it; None without a limit.
    """

    first: date
    spent: int
    possibly: int
    budget: dict[str, int] | None


def project_month(project: Project) -> Month:
    """Of a project's runs."""
    limit = project.monthly_budget_micro_usd
    return _month(limit, scope=Budget.Scope.PROJECT, project_id=project.pk)


def installation_month() -> Month:
    """Of all runs that there are."""
    return _month(settings.MONTHLY_BUDGET_MICRO_USD, scope=Budget.Scope.INSTALLATION)


def months_left(project: Project) -> Iterator[tuple[Budget.Scope, int]]:
    """What is left, in micro-dollars, of each month's budget that counts the project's runs."""
    if project.monthly_budget_micro_usd is not None and (budget := project_month(project).budget):
        yield Budget.Scope.PROJECT, budget["left"]
    if settings.MONTHLY_BUDGET_MICRO_USD is not None and (budget := installation_month().budget):
        yield Budget.Scope.INSTALLATION, budget["left"]


def _month(limit: int | None, *, scope: Budget.Scope, **of: Any) -> Month:
    """By the month's budget, which counts also what is under way; else by the ledger."""
    first = database_now().date().replace(day=1)
    counted = Budget.objects.filter(scope=scope, month=first, **of).first()
    if counted is None:
        since = datetime(first.year, first.month, 1, tzinfo=UTC)
        lines = LedgerLine.objects.order_by().filter(at__gte=since, **of)
        spent, possibly = ledger_spent(current(lines))
        held = 0
    else:
        spent, possibly = counted.spent_micro_usd, counted.possibly_micro_usd
        held = counted.held_micro_usd
    figures = {"spent": spent, "held": held, "possibly": possibly}
    budget = None if limit is None else with_left({"limit": limit, **figures})
    return Month(first=first, spent=spent, possibly=possibly, budget=budget)
