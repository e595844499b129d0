"""A budget of a wave, and what the provider has billed of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from epics.models import Project
from runs.engine.budgets import run_budget_set
from runs.models import Budget, Run, RunItem
from tests.acceptance.faults.bed import Provider

#: What is known of a budget's row at a moment.
Figures = tuple[int, int, int]


@dataclass(kw_only=True)
class Purse:
    """One budget.

    Attributes:
        scope: as `Budget.scope`.
        runs: that it counts.
        most: micro-dollars that may be billed of it; None: any number. Where it was lowered, that
            is what was spent and under way by then, if that is more.
    """

    scope: str
    runs: Sequence[UUID]
    project_id: UUID
    most: int | None = None

    def budget(self) -> Budget:
        """Its row: of a month, this one's."""
        rows = Budget.objects.filter(scope=self.scope)
        if self.scope == Budget.Scope.RUN:
            rows = rows.filter(run_id__in=self.runs)
        elif self.scope == Budget.Scope.PROJECT:
            rows = rows.filter(project_id=self.project_id)
        return rows.order_by("month")[0]

    def figures(self) -> Figures:
        """Spent, held and possibly spent."""
        row = self.budget()
        return row.spent_micro_usd, row.held_micro_usd, row.possibly_micro_usd

    def change(self, limit: int | None) -> None:
        """Set what may be spent; of the installation, its processes are to be told."""
        if self.scope == Budget.Scope.RUN:
            run_budget_set(run_id=self.runs[0], micro_usd=limit)
        elif self.scope == Budget.Scope.PROJECT:
            project = Project.objects.filter(pk=self.project_id)
            project.update(monthly_budget_micro_usd=limit)
        else:
            settings.MONTHLY_BUDGET_MICRO_USD = limit
        # No call begins from here on that does not fit.
        self.most = None if limit is None else max(limit, sum(self.figures()))


@dataclass(kw_only=True)
class Bills:
    """The provider's books, read on and on."""

    provider: Provider
    #: Micro-dollars by run.
    by_run: Counter[UUID] = field(default_factory=Counter)
    calls: int = 0
    _next: int = 0
    _runs: dict[str, UUID] = field(default_factory=dict)

    def know(self, runs: Sequence[Run]) -> None:
        """Whose calls are read, beside those that are known."""
        items = RunItem.objects.filter(run__in=runs).values_list("id", "run_id")
        self._runs |= {str(item): run for item, run in items}

    def read(self) -> None:
        """What was billed since."""
        while True:
            lines = self.provider.usage(since=self._next)
            for line in lines:
                self.by_run[self._runs[line["marker"]]] += line["micro_usd"]
                self._next = line["index"] + 1
            self.calls += len(lines)
            if not lines:
                return

    def of(self, purse: Purse) -> int:
        """What was billed of its runs, by the last look."""
        return sum(self.by_run[run] for run in purse.runs)
