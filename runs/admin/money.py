"""The ledger and budgets in the admin, for looking at: nobody's hands change what was spent."""

from django.contrib import admin

from batchgen.micro_usd import usd_text
from epics.admin.read_only import ReadOnlyAdmin
from runs.models import Budget, LedgerLine


def _usd(micro_usd: int | None) -> str:
    return "-" if micro_usd is None else usd_text(micro_usd)


@admin.register(LedgerLine)
class LedgerLineAdmin(ReadOnlyAdmin):
    list_display = (
        *("at", "certainty", "cost", "model", "purpose", "lane", "input_tokens"),
        *("cache_read_tokens", "output_tokens", "run_id", "corrects"),
    )
    list_filter = ("certainty", "lane", "purpose", "model")
    search_fields = ("=call_id", "=run_id", "=project_id", "=item_id")

    @admin.display(ordering="cost_micro_usd")
    def cost(self, line: LedgerLine) -> str:
        return _usd(line.cost_micro_usd)


@admin.register(Budget)
class BudgetAdmin(ReadOnlyAdmin):
    list_display = (
        *("id", "scope", "run_id", "project_id", "month"),
        *("limit", "spent", "held", "possibly", "told_percent"),
    )
    list_filter = ("scope", "month")
    search_fields = ("=run_id", "=project_id")

    @admin.display(ordering="limit_micro_usd")
    def limit(self, budget: Budget) -> str:
        return _usd(budget.limit_micro_usd)

    @admin.display(ordering="spent_micro_usd")
    def spent(self, budget: Budget) -> str:
        return _usd(budget.spent_micro_usd)

    @admin.display(ordering="held_micro_usd")
    def held(self, budget: Budget) -> str:
        return _usd(budget.held_micro_usd)

    @admin.display(ordering="possibly_micro_usd")
    def possibly(self, budget: Budget) -> str:
        return _usd(budget.possibly_micro_usd)
