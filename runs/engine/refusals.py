"""Calls that may not begin for a budget, as the database says so (migration 0024)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

#: The SQLSTATEs of calls that may not begin.
_NO_ROOM = "BG001"
_NO_PRICE = "BG002"
#: Why a run is paused, or not started, whose calls have no price where a budget applies.
PRICE_MISSING_CODE = "PRICE_UNKNOWN"
PRICE_MISSING_TEXT = (
    "A budget applies, and nobody knows what a call of this model can cost. Take the budget away, "
    "or add the model to providers/prices.toml and restart; then resume."
)


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


@contextmanager
def refusals() -> Iterator[None]:
    """Statements that begin calls: what they say of budgets is an error of its own.

    Raises:
        BudgetRefused, PriceMissing: nothing was done.
    """
    try:
        yield
    except psycopg.Error as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error


def refusal_of(error: psycopg.Error) -> BudgetRefused | PriceMissing | None:
    """What a statement's error says of a budget, if it does."""
    if error.sqlstate == _NO_PRICE:
        return PriceMissing()
    if error.sqlstate != _NO_ROOM:
        return None
    said = json.loads(error.diag.message_detail or "{}")
    return BudgetRefused(said["budget"], said["need"])
