"""Budgets: what may be spent, and what becomes of calls that do not fit.

The database holds and counts (migration 0024): a call begins only where the most that it can cost
fits every budget that counts it. Here a budget is set, and its refusals are read.
"""

import json
from datetime import date
from uuid import UUID

import psycopg
from django.db import connection

from runs.models import Budget

#: The SQLSTATEs of calls that may not begin.
_NO_ROOM = "BG001"
_NO_PRICE = "BG002"


class BudgetRefused(Exception):
    """No call was begun: what it can cost does not fit a budget.

    Attributes:
        budget_id: of the first budget that it does not fit.
        need: micro-dollars that were to be held, of all that were to begin together.
    """

    def __init__(self, budget_id: int, need: int) -> None:
        super().__init__(f"{need} micro-dollars do not fit budget {budget_id}")
        self.budget_id = budget_id
        self.need = need


class PriceMissing(Exception):
    """No call was begun: a budget applies, and nobody knows what the call can cost."""


def refusal_of(error: psycopg.Error) -> BudgetRefused | PriceMissing | None:
    """What a statement's error says of a budget, if it does."""
    if error.sqlstate == _NO_PRICE:
        return PriceMissing()
    if error.sqlstate != _NO_ROOM:
        return None
    said = json.loads(error.diag.message_detail or "{}")
    return BudgetRefused(said["budget"], said["need"])


def run_budget_set(*, run_id: UUID, micro_usd: int | None) -> None:
    """Set what a run may spend; None: no limit. The caller has the run's row, or makes it."""
    _budget_set(Budget.Scope.RUN, run_id=run_id, micro_usd=micro_usd)


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
