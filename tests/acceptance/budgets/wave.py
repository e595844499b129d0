"""Some runs at the same time, what is done to them, and what has to hold meanwhile and after."""

import re
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from django.conf import settings
from django.db import connection

from batchgen.db.clock import database_now
from batchgen.errors import InvalidTransition
from batchgen.micro_usd import usd_of, usd_read
from content.run_types import RunType
from epics.models import Project
from runs.engine.controls import run_control
from runs.engine.ledger import calls_reconcile, ledger_drift, took_of
from runs.engine.start import RunOptions, run_start
from runs.models import Budget, ProviderCall, Run, RunItem
from runs.states import MoneyLane, Pacing, RunStatus
from tests.acceptance.budgets.purse import Bills, Figures, Purse
from tests.acceptance.faults.bed import Bed, NotInTime, WorkerProcess, wait_for
from tests.acceptance.faults.nursery import Nursery
from tests.integration.engine.test_page_runs import pages_make
from tests.integration.engine.world import assert_counted, project_make

_WORKERS = 3
_END_S, _REST_S = 150.0, 40.0
#: People and operators do something so often, and for so long.
_DOING_S, _BUSY_S = (0.5, 1.5), 20.0
#: Budgets, and what they are raised by, in micro-dollars; the last time by as much as is enough.
_BUDGET, _ENOUGH, _RAISES = (60_000, 400_000), 30_000_000, 2
_LANES = (*[MoneyLane.REALTIME] * 2, MoneyLane.BATCH, MoneyLane.CHEAPEST)
#: What the provider does to some of its answers.
_FAULTS = (
    {"match": {"probability": 0.04}, "action": {"type": "error", "status": 529}},
    {"match": {"probability": 0.04}, "action": {"type": "reset", "at": "mid"}},
    {"match": {"probability": 0.02}, "action": {"type": "stall"}},
    {"match": {"probability": 0.06}, "action": {"type": "weak_stories"}},
    {
        "match": {"endpoint": "batches.create", "probability": 0.2},
        "action": {"type": "lost_answer"},
    },
    {
        "match": {"endpoint": "batches.line", "probability": 0.05},
        "action": {"type": "error", "status": 529},
    },
)
_SAID = re.compile(
    r"\$([\d,.]+) of \$([\d,.]+) are spent(?:, and possibly \$([\d,.]+) more)?, and the next call "
    r"can cost up to \$([\d,.]+)\. "
)


@dataclass(kw_only=True)
class Wave:
    """Runs, each under budgets of its own, of its project's month, or of the installation's."""

    bed: Bed
    random: Random
    count: int
    runs: list[Run] = field(default_factory=list)
    purses: list[Purse] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    deaths: int = 0
    pauses: int = 0
    reached: int = 0
    _raised: dict[int, int] = field(default_factory=dict)

    def run(self) -> None:
        """All of it, from the first run's start to the last line of the ledger."""
        self._begin()
        began, next_s = time.monotonic(), 0.0
        while self._open():
            seconds = time.monotonic() - began
            if seconds > _END_S:
                self._violate(f"after {_END_S:g} s still open: {self._told_open()}")
                return
            if next_s < seconds < _BUSY_S:
                self._do_something()
                next_s = seconds + self.random.uniform(*_DOING_S)
            self._look()
            self._raise_reached()
            time.sleep(0.1)
        self._end()

    def told(self) -> str:
        """What it was, for people."""
        lanes = ", ".join(sorted(run.lane for run in self.runs))
        budgets = ", ".join(sorted(purse.scope for purse in self.purses))
        return (
            f"{len(self.runs)} runs ({lanes}), budgets: {budgets}; {self._bills.calls} calls for "
            f"${usd_of(sum(self._bills.by_run.values()))}; {self.deaths} workers killed, "
            f"{self.pauses} pauses, {self.reached} times BUDGET_REACHED; "
            f"{len(self.violations)} violations"
        )

    # What there is.

    def _begin(self) -> None:
        self.bed.clear()
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE runs_budget, runs_ledgerline")
        self._settings()
        of_all = self.random.random() < 0.5
        self._set_installation(self._amount() * 3 if of_all else None)
        for _ in range(_WORKERS):
            self.bed.start_worker()
        while len(self.runs) < self.count:
            self._start_project()
        if of_all:
            limit = settings.MONTHLY_BUDGET_MICRO_USD
            self._purse(Budget.Scope.INSTALLATION, self.runs, limit)
        self._bills = Bills(provider=self.bed.provider)
        self._bills.know(self.runs)

    def _settings(self) -> None:
        draw = self.random
        self.bed.provider.config(
            seed=draw.randrange(1_000),
            latency_ms=draw.choice([30, 150, 400]),
            jitter_ms=20,
            batch_ends_after_s=draw.choice([0.5, 2]),
            batch_in_flight=draw.choice([0, 2]),
            format_is_input=draw.choice([0, 1]),
        )
        chosen = [dict(rule) for rule in _FAULTS if draw.random() < 0.7]
        self.bed.provider.faults(chosen)

    def _start_project(self) -> None:
        draw = self.random
        project = project_make(epics=draw.randint(4, 10))
        types = [RunType.GENERATE_ALL_STORIES]
        if self.count - len(self.runs) > 1 and draw.random() < 0.4:
            pages_make(project, draw.randint(3, 8))
            types.append(RunType.GENERATE_PAGES)
        of_project = len(types) > 1 or draw.random() < 0.2
        month = self._amount() if of_project else None
        Project.objects.filter(pk=project.pk).update(monthly_budget_micro_usd=month)
        own = [self._start(project, run_type, alone=not of_project) for run_type in types]
        if of_project:
            self._purse(Budget.Scope.PROJECT, own, month)

    def _start(self, project: Project, run_type: str, *, alone: bool) -> Run:
        draw, lane = self.random, self.random.choice(_LANES)
        limit = self._amount() if alone or draw.random() < 0.3 else None
        late = lane == MoneyLane.CHEAPEST and draw.random() < 0.5
        run = run_start(
            project=project,
            user=project.created_by,
            options=RunOptions(
                type=run_type,
                pacing_profile=Pacing.ADAPTIVE,
                max_concurrency=draw.randint(1, 6),
                lane=lane,
                deadline=database_now() + timedelta(seconds=15) if late else None,
                budget_micro_usd=limit,
            ),
        )
        self.runs.append(run)
        if limit is not None:
            self._purse(Budget.Scope.RUN, [run], limit)
        return run

    def _amount(self) -> int:
        return self.random.randint(*_BUDGET)

    def _purse(self, scope: str, runs: Sequence[Run], limit: int | None) -> None:
        ids = [run.id for run in runs]
        self.purses.append(Purse(scope=scope, runs=ids, project_id=runs[0].project_id, most=limit))

    def _set_installation(self, micro_usd: int | None) -> None:
        """All processes are ended, and those that follow know another limit."""
        settings.MONTHLY_BUDGET_MICRO_USD = micro_usd
        names = list(self.bed.workers)
        self.bed.end_workers()
        self.bed.nurseries[0.0].close()
        text = "" if micro_usd is None else str(usd_of(micro_usd))
        self.bed.nurseries[0.0] = Nursery(
            {**self.bed.environment, "BATCHGEN_MONTHLY_BUDGET_USD": text},
            log=self.bed.logs / "nursery.log",
        )
        for name in names:
            self.bed.start_worker(name)

    # What is done to it.

    def _do_something(self) -> None:
        ways: list[Callable[[], None]] = [self._pause, self._change, self._roll]
        self.random.choice([*ways, *[self._kill] * 5])()

    def _worker(self) -> WorkerProcess:
        return self.random.choice(list(self.bed.workers.values()))

    def _kill(self) -> None:
        worker = self._worker()
        worker.process.end(signal.SIGKILL)
        del self.bed.workers[worker.name]
        self.deaths += 1
        self.bed.start_worker(worker.name if self.random.random() < 0.8 else "")

    def _roll(self) -> None:
        worker = self._worker()
        self.bed.start_worker()
        worker.process.end(signal.SIGTERM)
        del self.bed.workers[worker.name]

    def _pause(self) -> None:
        run = self.random.choice(self.runs)
        assert run.created_by
        with suppress(InvalidTransition):
            cancels = self.random.random() < 0.5
            run_control(run=run, action="pause", user=run.created_by, cancel_batches=cancels)
            self.pauses += 1
            time.sleep(self.random.uniform(0, 0.5))
            run_control(run=run, action="resume", user=run.created_by)

    def _change(self) -> None:
        """Lower a budget, or take it away for a while."""
        purse = self.random.choice(self.purses)
        if purse.scope == Budget.Scope.INSTALLATION or Budget.objects.count() == 0:
            return
        if self.random.random() < 0.3:
            purse.change(None)
            time.sleep(self.random.uniform(0, 0.3))
        purse.change(self.random.randint(0, _BUDGET[1]))

    def _raise_reached(self) -> None:
        for run in self._paused():
            if run.error_code != "BUDGET_REACHED":
                self._resume(run)
                continue
            purse = self._of(run)
            self._check_left(run, purse)
            self.reached += 1
            key = self.purses.index(purse)
            times = self._raised[key] = self._raised.get(key, 0) + 1
            spent, _, possibly = purse.figures()
            more = _ENOUGH if times > _RAISES else self._amount()
            purse.change(spent + possibly + more)
            if purse.scope == Budget.Scope.INSTALLATION:
                self._set_installation(settings.MONTHLY_BUDGET_MICRO_USD)
            self._resume(run)

    def _resume(self, run: Run) -> None:
        assert run.created_by
        with suppress(InvalidTransition):
            run_control(run=run, action="resume", user=run.created_by)

    def _of(self, run: Run) -> Purse:
        """The budget that a run's error names."""
        scope = run.error.removeprefix("The ").split("'s ")[0]
        return next(purse for purse in self.purses if purse.scope == scope and run.id in purse.runs)

    # What has to hold.

    def _check_left(self, run: Run, purse: Purse) -> None:
        """What is left is less than the worst case of one call."""
        said = _SAID.search(run.error)
        if said is None:
            self._violate(f"run {run.id} does not say what is left: {run.error}")
            return
        spent, limit, possibly, need = (
            usd_read((each or "0").replace(",", "")) or 0 for each in said.groups()
        )
        # What it says was read a moment before it stood still.
        row = purse.budget()
        now = (row.limit_micro_usd or 0) - row.spent_micro_usd - row.possibly_micro_usd
        left = min(limit - spent - possibly, now)
        if left >= need:
            self._violate(f"{left} micro-dollars were left: {run.error}")

    def _look(self) -> None:
        """The bill lies between what is spent and what may be, and that within each budget."""
        before = [purse.figures() for purse in self.purses]
        self._bills.read()
        for purse, earlier in zip(self.purses, before, strict=True):
            self._check(purse, earlier, purse.figures())

    def _check(self, purse: Purse, before: Figures, after: Figures) -> None:
        bill = self._bills.of(purse)
        told = f"{purse.scope} {purse.runs}: bill {bill}, {before} before and {after} after it"
        if not before[0] <= bill <= sum(after):
            self._violate(f"counted wrongly: {told}")
        if purse.most is not None and max(bill, sum(after)) > purse.most:
            self._violate(f"more than {purse.most}: {told}")

    def _end(self) -> None:
        try:
            wait_for(self._rests, "nothing is held", timeout_s=_REST_S)
        except NotInTime as late:
            self._violate(f"{late}: {[purse.figures() for purse in self.purses]}")
        self._look()
        self._add_up("at the end")
        calls_reconcile(
            provider=self.runs[0].provider,
            billed_lines=lambda marker: [
                took_of(line["lane"], line["usage"])
                for line in self.bed.provider.usage(marker=marker)
            ],
        )
        for purse in self.purses:
            bill = self._bills.of(purse)
            if purse.figures() != (bill, 0, 0):
                self._violate(f"reconciled, {purse.scope} says {purse.figures()}, not {bill}")
        self._add_up("once reconciled")
        for run in self.runs:
            assert_counted(run, kept=False)
        failed = RunItem.objects.filter(run__in=self.runs).exclude(status="COMPLETED")
        for item in failed.exclude(error_code="POISON"):
            self._violate(f"{item.code} ended {item.status}: {item.error_code} {item.error}")

    def _rests(self) -> bool:
        started = ProviderCall.objects.filter(outcome="STARTED").exists()
        return not started and not any(purse.figures()[1] for purse in self.purses)

    def _add_up(self, when: str) -> None:
        for row in ledger_drift():
            self._violate(f"{when}, the ledger does not add up: {row}")

    def _violate(self, what: str) -> None:
        if what not in self.violations:
            self.violations.append(what)

    def _open(self) -> bool:
        ids = [run.id for run in self.runs]
        return Run.objects.filter(id__in=ids, completed_at__isnull=True).exists()

    def _paused(self) -> list[Run]:
        ids = [run.id for run in self.runs]
        return list(Run.objects.filter(id__in=ids, status=RunStatus.PAUSED))

    def _told_open(self) -> str:
        ids = [run.id for run in self.runs]
        left = Run.objects.filter(id__in=ids, completed_at__isnull=True)
        return "; ".join(f"{run.type} {run.lane} {run.status} {run.error}" for run in left)
