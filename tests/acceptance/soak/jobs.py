"""A project with one piece of work: its runs, what people do to them, and its books."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from batchgen.db.clock import database_now
from epics.models import Project
from runs.models import ProviderCall, Run, RunItem
from runs.states import ACTIVE, CallOutcome, RunStatus
from runs.webhooks.models import Delivery, Webhook
from tests.acceptance.budgets.purse import Bills
from tests.acceptance.faults.batch_books import booked
from tests.acceptance.faults.invariants import (
    SeenCall,
    check_concurrency,
    check_controls,
    check_counters,
    doubled_items,
    lost_items,
)
from tests.acceptance.faults.journal import Control
from tests.acceptance.faults.scene import Scene
from tests.acceptance.soak.books import Work
from tests.acceptance.soak.hooks import Hooks
from tests.acceptance.soak.people import People

#: Chances of a look at a run, which comes about once a second.
_PAUSED, _CANCELLED = 0.01, 0.003
_PAUSE_S = (0.5, 8.0)
_LANES = ("realtime", "realtime", "batch", "cheapest")
_DEADLINE_S = (20.0, 240.0)
_QUOTED, _LIMITED = 0.3, 0.25
_BUDGET_USD = (0.01, 0.3)
_RETRIES = 6
#: After its last run's end, so long until its books are looked at, and until they have to be right.
_SETTLES_S, _SETTLED_S = 10.0, 300.0
#: The clean-up may have had what is older than this share of what is kept.
_KEPT = 0.8
#: A run that has not ended by then is stuck.
_STUCK_S = 900.0


@dataclass(kw_only=True)
class Job:
    """One project, from its first run to its end."""

    scene: Scene
    work: Work
    hook: Webhook
    people: People
    random: Random
    #: Webhooks' messages are kept so long.
    keep_s: float
    #: Nobody pauses or cancels it.
    calm: bool = False
    began: float = field(default_factory=time.monotonic)
    #: When its last run had ended; None: it goes on.
    over: float | None = None
    checked: float | None = None
    stuck: bool = False
    #: Of its items' calls, once its books were looked at.
    markers: list[str] = field(default_factory=list)
    _resume_at: float | None = None
    _control: Control | None = None

    @property
    def project(self) -> Project:
        """Where it is."""
        return self.scene.project

    def start(self, bills: Bills) -> None:
        """Its first run, as a program starts one."""
        body: dict[str, object] = {
            "type": str(self.work.book.run_type),
            "options": dict(self.work.options),
            "pacingProfile": "safe" if self.calm else "adaptive",
            "maxConcurrency": self.scene.lanes,
        }
        chosen = self._money() if self.work.asks and not self.calm else {}
        if "deadline" in chosen:
            body["deadline"] = chosen.pop("deadline")
        if self.random.random() < _QUOTED:
            _, quote = self.people.ask("POST", f"/projects/{self.project.pk}/quotes", body)
            body["quoteId"] = quote["quoteId"]
        status, made = self.people.ask(
            "POST", f"/projects/{self.project.pk}/runs", {**body, **chosen}
        )
        assert status == 202, made
        self._know(made["runId"], bills)

    def _money(self) -> dict[str, object]:
        lane = self.random.choice(_LANES)
        chosen: dict[str, object] = {"lane": lane}
        if lane == "cheapest":
            by = timedelta(seconds=self.random.uniform(*_DEADLINE_S))
            chosen["deadline"] = (database_now() + by).isoformat()
        if self.random.random() < _LIMITED:
            chosen["budgetUsd"] = f"{self.random.uniform(*_BUDGET_USD):.4f}"
        return chosen

    def _know(self, run_id: str, bills: Bills) -> None:
        run = Run.objects.get(pk=run_id)
        self.scene.runs.append(run)
        bills.know([run])

    def look(self, bills: Bills, *, stopping: bool) -> None:
        """Do what is due: go on after a pause, pause, cancel, retry.

        Args:
            stopping: nobody stops it any more.
        """
        run = self.scene.run
        run.refresh_from_db()
        if run.completed_at is not None:
            self._ended(run, bills)
        elif run.status == RunStatus.PAUSED:
            self._go_on(run)
        elif run.status in ACTIVE and not stopping and not self.calm:
            self._interfere(run)
        if self.over is None and not self.calm and not self.stuck:
            self._check_stuck(run)

    def _interfere(self, run: Run) -> None:
        chance = self.random.random()
        if chance < _CANCELLED and len(self.scene.runs) < _RETRIES:
            self._halt(run, "cancel", {})
        elif chance < _CANCELLED + _PAUSED:
            how = {"batches": self.random.choice(("finish", "cancel"))}
            self._halt(run, "pause", how)
            self._resume_at = time.monotonic() + self.random.uniform(*_PAUSE_S)

    def _halt(self, run: Run, action: str, body: Mapping[str, str]) -> None:
        asked = time.monotonic()
        status, told = self.people.ask("POST", f"/runs/{run.id}/{action}", dict(body))
        if status == 200:
            self._control = Control(
                run_id=run.id,
                action=action,
                asked=asked,
                answered=time.monotonic(),
                in_flight=told["inFlight"],
            )
            self.scene.journal.controls.append(self._control)

    def _go_on(self, run: Run) -> None:
        if self._resume_at and time.monotonic() < self._resume_at:
            return
        if run.error_code == "BUDGET_REACHED":
            self.people.ask("PATCH", f"/runs/{run.id}", {"budgetUsd": None})
        if self._control is not None:
            self._control.until = time.monotonic()
        self.people.ask("POST", f"/runs/{run.id}/resume", {})
        self._resume_at = self._control = None

    def _ended(self, run: Run, bills: Bills) -> None:
        if run.status == RunStatus.SUCCEEDED or len(self.scene.runs) > _RETRIES:
            self.over = time.monotonic()
            return
        body = {"includePending": True, "budgetUsd": None}
        status, made = self.people.ask("POST", f"/runs/{run.id}/retry-failed", body)
        if status == 202:
            self._know(made["newRunId"], bills)
        elif run.status == RunStatus.COMPLETED_WITH_ERRORS:
            self.over = time.monotonic()
        else:  # such as one whose deadline is over
            self.start(bills)

    def _check_stuck(self, run: Run) -> None:
        if time.monotonic() - self.began > _STUCK_S:
            self.stuck = True
            told = f"{run.type} {run.lane} {run.status} {run.error}"
            self.scene.journal.violate("I1", f"run {run.id} does not end: {told}")

    def is_settled(self) -> bool:
        """Its books may be looked at: its messages are delivered, or have had the time to be."""
        if self.over is None or time.monotonic() - self.over < _SETTLES_S:
            return False
        waiting = Delivery.objects.filter(hook=self.hook, status=Delivery.Status.PENDING)
        return time.monotonic() - self.over > _SETTLED_S or not waiting.exists()

    def check(self, bills: Bills, hooks: Hooks, calls: Mapping[str, list[SeenCall]]) -> "Sums":
        """Look at its books; what does not hold is in the journal's violations.

        Args:
            calls: that the provider had, by their markers.
        """
        self.checked = time.monotonic()
        scene, journal = self.scene, self.scene.journal
        runs = list(Run.objects.filter(project=self.project).order_by("created_at"))
        items = list(RunItem.objects.filter(run__in=runs).order_by("run__created_at", "order"))
        lost = lost_items(scene, runs, items)
        doubled = doubled_items(scene, items)
        check_counters(journal, runs)
        run_of = {str(item.id): item.run_id for item in items}
        self.markers = list(run_of)
        mine = {marker: calls[marker] for marker in run_of if marker in calls}
        self._check_calls(mine)
        check_concurrency(scene, runs, mine, run_of)
        # A call that had begun may come to the provider late, where the machine has other work.
        check_controls(journal, mine, run_of, late_s=float("inf"))
        self._check_money(bills, runs)
        kept = database_now() - timedelta(seconds=self.keep_s * _KEPT)
        ended = [run for run in runs if run.completed_at and run.completed_at > kept]
        messages = hooks.check(journal, self.hook, ended)
        found = ProviderCall.objects.filter(item__run__in=runs)
        return Sums(
            runs=len(runs),
            items=Counter(item.status for item in items),
            codes=Counter(item.error_code for item in items if item.status == "FAILED"),
            lost=len(lost),
            doubled=len(doubled),
            messages=messages,
            calls=found.exclude(outcome=CallOutcome.NOT_MADE).count(),
            calls_lost=found.filter(outcome=CallOutcome.LOST).count(),
        )

    def _check_calls(self, calls: Mapping[str, list[SeenCall]]) -> None:
        """I4: none that nobody wrote down before."""
        written = Counter(
            str(item)
            for item in ProviderCall.objects.filter(item__in=list(calls), lane="realtime")
            .exclude(outcome=CallOutcome.NOT_MADE)
            .values_list("item", flat=True)
        )
        for marker, mine in calls.items():
            if len(mine) > written[marker]:
                told = f"{len(mine)} calls of item {marker}, {written[marker]} are recorded"
                self.scene.journal.violate("I4", told)

    def _check_money(self, bills: Bills, runs: list[Run]) -> None:
        """I15: the bill lies between what is booked and what may be."""
        for run in runs:
            bill = bills.by_run[run.id]
            billed, possibly = (booked(each, [run]) for each in ("billed", "possibly"))
            if not billed <= bill <= billed + possibly:
                told = f"bill {bill}, booked {billed}, possibly {possibly}"
                self.scene.journal.violate("I15", f"run {run.id}: {told}")

    def delete(self) -> None:
        """Have the project deleted, with all that belongs to it."""
        status, told = self.people.ask("DELETE", f"/projects/{self.project.pk}")
        # An answer that was lost on the way is asked for again, and then there is none.
        if status not in {204, 404}:
            self.scene.journal.violate("deletion", f"{status} {told}")


@dataclass(kw_only=True)
class Sums:
    """What the books of jobs say, together."""

    runs: int = 0
    items: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    messages: int = 0
    calls: int = 0
    calls_lost: int = 0

    def add(self, other: "Sums") -> None:
        """Count another job's."""
        self.items.update(other.items)
        self.codes.update(other.codes)
        for name in ("runs", "lost", "doubled", "messages", "calls", "calls_lost"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
