"""What a run has done, what it is doing, and what may be done with it.

Made from one row of `runs.reads.selectors.runs_with_figures`; nothing here asks the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from batchgen.db.clock import database_now
from content.kind import options_shown
from content.registry import Kind, kind_started_by
from providers.registry import limit_pool
from runs.models import Run
from runs.quoted import RunQuote, run_quote
from runs.reads.budgets import with_left
from runs.reads.cache import CacheUse, cache_use
from runs.reads.detail import detail_of
from runs.reads.eta import Remaining, remaining
from runs.reads.health import Health, health_of
from runs.reads.marks import marks_of
from runs.reads.phases import RunActivity, phase_of
from runs.reads.situation import Closing, Fleet, Situation, moment_if
from runs.states import FINAL, RunPhase, RunStatus

#: What a person may ask of a run that is not over.
_CONTROLS: dict[str, tuple[str, ...]] = {
    RunStatus.QUEUED: ("cancel",),
    RunStatus.RUNNING: ("pause", "cancel"),
    RunStatus.PAUSED: ("resume", "cancel"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RunProgress:
    """A run as people see it. The numbers are sums over its lanes, of one moment."""

    run: Run
    at: datetime = field(default_factory=database_now)

    completed: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    generating: int = 0
    created: int = 0
    #: What people had edited and the run left as it was.
    kept: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    #: As in RunItem.
    unknown_calls: int = 0
    #: Lanes that have an item.
    lanes_out: int = 0
    #: Stages of the items that are being generated.
    stages: Sequence[str] = ()
    #: The provider's batches that it was handed; those whose answers are waited for; the others.
    batches_submitted: int = 0
    batches_processing: int = 0
    batches_ended: int = 0
    #: When the first of those that are waited for was handed in, as JSON has it.
    batches_since_s: float | None = None
    #: Items that wait for a batch, or are out in one.
    in_batch: int = 0
    #: Why most parked lanes are; empty when none is.
    wait_reason: str = ""
    #: When the first of them is due, and when an item began last in any lane, as JSON has it.
    wake_at_s: float | None = None
    claimed_at_s: float | None = None
    #: {code, title, order} of the item that began last, where it is being generated.
    current: dict[str, Any] | None = None
    #: {kind, actor, at_s, details} of its pauses, resumes and changes of lanes, in order.
    actions: Sequence[dict[str, Any]] = ()
    #: As `runs.reads.surroundings` has them.
    surroundings: dict[str, Any] = field(default_factory=dict)
    #: Of the edited prompts that it goes by; None where it goes by the files.
    prompt_version: int | None = None
    #: The answer of the quote that it began with; None where it had none.
    quoted: dict[str, Any] | None = None
    #: {limit, spent, held, possibly} in micro-dollars; None where it has no budget.
    budget_figures: Mapping[str, int] | None = None
    #: A retry of its failed items would start.
    can_retry: bool = False
    #: Whoever reads it may do more than that.
    may_control: bool = True

    @classmethod
    def of(cls, run: Run) -> "RunProgress":
        """From a run with figures."""
        figures = dict(vars(run)["figures"] or {})
        cost_usd = Decimal(figures.pop("cost_usd", None) or 0)
        wait_reason = figures.pop("wait_reason", None) or ""
        return cls(
            run=run,
            cost_usd=cost_usd,
            wait_reason=wait_reason,
            current=vars(run)["current"],
            stages=vars(run)["stages"] or (),
            actions=vars(run)["marks"] or (),
            surroundings=vars(run)["surroundings"] or {},
            can_retry=vars(run)["can_retry"],
            prompt_version=vars(run)["prompt_version"],
            budget_figures=vars(run)["budget"],
            in_batch=vars(run)["in_batch"] or 0,
            **(vars(run)["batch_figures"] or {}),
            quoted=vars(run)["quoted"],
            may_control=vars(run).get("may_control", True),
            **figures,
        )

    @property
    def cache(self) -> CacheUse:
        """What its prompts found in the provider's cache."""
        return cache_use(
            model=self.run.model,
            lane=self.run.lane,
            at=self.run.created_at.date(),
            input_tokens=self.input_tokens,
            read_tokens=self.cache_read_tokens,
            write_tokens=self.cache_write_tokens,
        )

    @property
    def kind(self) -> Kind:
        """What its items are made by."""
        return kind_started_by(self.run.type)

    @property
    def mode(self) -> str | None:
        """Of runs whose kind has modes."""
        mode: str | None = self.run.options.get("mode")
        return mode

    @property
    def persona_set(self) -> str | None:
        """Of runs whose kind has persona sets."""
        persona_set: str | None = self.run.options.get("persona_set")
        return persona_set

    @property
    def options(self) -> dict[str, Any]:
        """What its starter chose of its kind, by the JSON's names, but those with a place there."""
        return options_shown(self.run.options)

    @property
    def total(self) -> int:
        return self.run.total_items

    @property
    def epics(self) -> "RunProgress | None":
        """Itself, where its items are epics: what names with epics and stories show."""
        return self if self.kind.item_kind == "epic" else None

    @property
    def done(self) -> int:
        """Items that a worker brought to an end."""
        return self.completed + self.failed + self.skipped

    @property
    def left(self) -> int:
        return self.total - self.done - self.cancelled

    @property
    def pending(self) -> int:
        return self.left - self.generating

    @property
    def over(self) -> int:
        """Items that have ended, in whatever way."""
        return self.total - self.left

    @property
    def percent_complete(self) -> float:
        return round(100 * self.over / self.total, 1) if self.total else 100.0

    @property
    def final(self) -> bool:
        return self.run.status in FINAL

    @property
    def elapsed_ms(self) -> int:
        """Since the first item began, pauses and all."""
        if self.run.started_at is None:
            return 0
        elapsed = (self.run.completed_at or self.at) - self.run.started_at
        return max(0, round(elapsed.total_seconds() * 1000))

    @property
    def duration_ms(self) -> int | None:
        """`elapsed_ms` once the run has ended."""
        return self.elapsed_ms if self.run.completed_at else None

    @property
    def quote(self) -> RunQuote | None:
        """What its starter was told of its cost and time, beside what they are at its end."""
        if self.quoted is None or self.run.quote_id is None:
            return None
        return run_quote(
            self.run.quote_id,
            self.quoted,
            lane=self.run.lane,
            cost_usd=self.cost_usd,
            duration_ms=self.duration_ms,
        )

    @property
    def remaining(self) -> Remaining | None:
        """None before the first item is done, while it does not run, and while a batch is out."""
        if self.run.status != RunStatus.RUNNING or self.in_batch:
            return None
        return remaining(
            marks=marks_of(self.run, self.actions, at=self.at),
            at_ms=self.at.timestamp() * 1000,
            done=self.done,
            generating=self.generating,
            left=self.left,
        )

    @property
    def controls(self) -> tuple[str, ...]:
        """The actions that would succeed now, by whoever reads it, where that is known."""
        if not self.may_control:
            return ()
        return _CONTROLS.get(self.run.status, ("retry-failed",) if self.can_retry else ())

    @property
    def budget(self) -> dict[str, int] | None:
        """As `runs.reads.budgets.with_left` has it; None where it has no limit of its own."""
        return None if self.budget_figures is None else with_left(self.budget_figures)

    @property
    def error(self) -> dict[str, str] | None:
        """{code, message} of what paused or ended the run."""
        run = self.run
        return {"code": run.error_code, "message": run.error} if run.error_code else None

    @property
    def phase(self) -> RunPhase:
        """What it is doing."""
        return phase_of(
            RunActivity(
                status=self.run.status,
                ended=self.run.completed_at is not None,
                draining=self.run.draining,
                lanes_out=self.lanes_out,
                generating=self.generating,
                stages=self.stages,
                over=self.over,
                left=self.left,
                making=RunPhase(self.kind.phase),
            )
        )

    @property
    def health(self) -> Health:
        """Whether it goes on, and what to do where it does not."""
        run, around = self.run, self.surroundings
        return health_of(
            Situation(
                at=self.at,
                status=run.status,
                created_at=run.created_at,
                completed_at=run.completed_at,
                draining=run.draining,
                error_code=run.error_code,
                error=run.error,
                standing=self.phase_detail,
                model=run.model,
                item_words=self.kind.item_words,
                can_retry=self.can_retry,
                lanes=run.max_concurrency,
                adaptive=run.adaptive_lanes,
                pending=self.pending,
                generating=self.generating,
                wait_reason=self.wait_reason,
                wake_at=moment_if(self.wake_at_s),
                claimed_at=moment_if(self.claimed_at_s),
                actions=self.actions,
                fleet=Fleet.of(around.get("workers"), around.get("others")),
                closing=Closing.of(
                    around.get("closed") or (),
                    gate=limit_pool(run.model, run.provider) if run.model else None,
                ),
                in_batch=self.in_batch,
                batches_since=moment_if(self.batches_since_s),
            )
        )

    @property
    def phase_detail(self) -> str:
        """One line on what is going on."""
        return detail_of(self)
