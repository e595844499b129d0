"""Money in the admin, for looking at: nobody's hands change what was quoted, handed in or spent."""

from django.contrib import admin

from batchgen.micro_usd import usd_text
from epics.admin.read_only import ReadOnlyAdmin
from runs.models import Budget, LedgerLine, ProviderBatch, Quote
from runs.states import MoneyLane


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


@admin.register(ProviderBatch)
class ProviderBatchAdmin(ReadOnlyAdmin):
    list_display = (
        *("intent_at", "provider_batch_id", "state", "run", "expected", "processing"),
        *("succeeded", "errored", "canceled", "expired", "primer", "spilled", "ended_at"),
    )
    list_filter = ("state", "primer", "spilled")
    list_select_related = ("run",)
    search_fields = ("=id", "=provider_batch_id", "=run__id")


@admin.register(Quote)
class QuoteAdmin(ReadOnlyAdmin):
    list_display = (
        *("created_at", "project", "run_type", "items", "realtime", "batch", "calibrated"),
        *("created_by", "valid_until"),
    )
    list_select_related = ("project", "created_by")
    search_fields = ("=id", "=project__id")

    @admin.display(description="type")
    def run_type(self, quote: Quote) -> str:
        return str(quote.body["type"])

    @admin.display
    def items(self, quote: Quote) -> int:
        return int(quote.answer["itemCount"])

    @admin.display
    def realtime(self, quote: Quote) -> str:
        return _expected(quote, MoneyLane.REALTIME)

    @admin.display
    def batch(self, quote: Quote) -> str:
        return _expected(quote, MoneyLane.BATCH)

    @admin.display(boolean=True)
    def calibrated(self, quote: Quote) -> bool:
        return bool(quote.answer["calibrated"])


def _expected(quote: Quote, lane: str) -> str:
    """What a lane was expected to cost."""
    costs = {each["lane"]: each["costMicroUsd"] for each in quote.answer["lanes"]}
    cost = costs.get(lane)
    return _usd(cost["expected"] if cost else None)
