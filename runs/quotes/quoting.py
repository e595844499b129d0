"""A quote: what a start would cost and take. Nothing is spent or created but the quote itself."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Sum

from batchgen.db.clock import database_now
from content.kind import counted
from content.prompt_sets import prompt_texts
from epics.access import Role, role_held
from epics.models import Project
from runs.engine.open_targets import already_active
from runs.engine.start import RunOptions, StartPlan, start_plan
from runs.engine.start_words import left_out_text
from runs.models import Quote
from runs.pacing import MOST_LANES
from runs.quotes.calibration import Experience, experience
from runs.quotes.calls import Calls
from runs.quotes.cheapest import batch_part, cheapest_duration
from runs.quotes.costs import Costs, Range, mixed
from runs.quotes.durations import (
    BATCH_P50_S,
    BATCH_P90_S,
    Duration,
    Pace,
    Play,
)
from runs.quotes.limits import limits_of
from runs.quotes.past import COLD_PART, Past
from runs.quotes.past_batches import Cached, PastBatches
from runs.quotes.rendering import MOST_RENDERED, QUERIES, Rendering
from runs.reads.eta import duration_text
from runs.reads.surroundings import workers_alive
from runs.states import MoneyLane

#: Earlier runs that tell what calls take, and items of each.
_RUNS, _ITEMS = 30, 60
#: Earlier batches that tell what batches take.
_BATCHES = 50
#: An item that asks nobody, where none was seen.
_COLD_ITEM_S = 1.0
#: `cheapest` without a deadline.
_DEADLINE_S = 24 * 3600.0
#: A quote that nobody started with is kept so much longer than it holds, to say that it is over.
_KEPT_S = 24 * 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneQuote:
    """One lane's cost, where it is known, and time."""

    lane: str
    cost: Range | None
    duration: Duration

    def as_json(self) -> dict[str, Any]:
        """As the API shows it; money in micro-dollars."""
        binding = self.duration.binding
        return {
            "lane": str(self.lane),
            "costMicroUsd": None if self.cost is None else asdict(self.cost),
            "durationMs": {"p50": self.duration.p50, "p90": self.duration.p90},
            "bindingLimit": binding.value if binding else None,
        }


def quote_make(*, project: Project, user: User | None, options: RunOptions) -> Quote:
    """Quote a start with these options, as things are now.

    Raises:
        NotFound, Forbidden: the user may not start runs there by the time that it is written.
        ValidationFailed: as the start would.
        ItemAlreadyActive: all targets are open in other runs.
        psycopg.Error: PostgreSQL is away.
    """
    plan = start_plan(project=project, options=options)
    if not plan.targets:
        raise already_active(plan.left_out)
    now = database_now()
    valid_until = now + timedelta(seconds=settings.QUOTE_VALID_S)
    quote = Quote(
        project=project,
        body=plan.body,
        content_digest=plan.digest,
        answer=Quoting(plan=plan, now=now).answer(),
        created_by=user,
        valid_until=valid_until,
        expires_at=valid_until + timedelta(seconds=_KEPT_S),
    )
    held = role_held(user=user, project_id=project.pk, role=Role.EDITOR) if user else nullcontext()
    with held:
        quote.save()
    return quote


@dataclass(frozen=True, kw_only=True)
class Quoting:
    """The quote of a plan."""

    plan: StartPlan
    now: datetime

    def answer(self) -> dict[str, Any]:
        """As `Quote.answer` has it."""
        calls = self._calls
        return {
            "itemCount": len(self.plan.targets),
            "calls": round(calls.count + calls.again),
            "inputTokens": round(calls.input_tokens),
            "outputTokens": round(calls.output_tokens),
            "calibrated": self._past.calibrated or not self.plan.kind.uses_provider,
            "lanes": [lane.as_json() for lane in self._lanes()],
            "cacheAssumption": self._cache_text(),
            "assumptions": list(self._assumptions()),
        }

    @cached_property
    def _past(self) -> Past:
        """Of the same model, else of any; none where the kind makes no calls."""
        if not self.plan.kind.uses_provider:
            return Past()
        asked = {**self._these, "runs": _RUNS, "items": _ITEMS}
        past = Past.of(QUERIES.fetch("quote_past", asked))
        if past.calls:
            return past
        return Past.of(QUERIES.fetch("quote_past", {**asked, "model": ""}), same_model=False)

    @property
    def _these(self) -> dict[str, Any]:
        """What says whose calls are alike."""
        return {
            "types": list(map(str, self.plan.kind.run_types)),
            "provider": settings.PROVIDER_NAME,
            "model": self.plan.model,
            "prompt_key": self.plan.prompt_key,
        }

    @cached_property
    def _calls(self) -> Calls:
        plan = self.plan
        items = []
        if plan.kind.uses_provider:
            rendering = Rendering(
                kind=plan.kind,
                model=plan.model,
                max_tokens=plan.profile.max_tokens,
                options=plan.chosen.model_dump(mode="json"),
                prompts=prompt_texts(plan.prompt_set.pk if plan.prompt_set else None),
            )
            items = rendering.items(plan.targets)
        return Calls(items=items, past=self._past)

    @cached_property
    def _experience(self) -> Experience:
        return experience(kind=self.plan.kind, model=self.plan.model)

    @cached_property
    def _batches(self) -> PastBatches:
        rows = QUERIES.fetch("quote_batches", {**self._these, "batches": _BATCHES})
        (told,) = QUERIES.fetch("quote_batched", self._these)
        return PastBatches(
            seconds=[row["seconds"] for row in rows],
            cached=[Cached(found=row["found"], marked=row["marked"]) for row in rows],
            before=told["before"],
        )

    def _lanes(self) -> Iterator[LaneQuote]:
        calls = self._calls
        costs = Costs(
            calls=calls,
            model=self.plan.model,
            at=self.now.date(),
            off_by=self._experience.off_by,
            batches=self._batches,
        )
        now, later = costs.realtime(), costs.batch()
        if not self.plan.kind.uses_provider:
            yield LaneQuote(lane=MoneyLane.REALTIME, cost=now, duration=self._without_calls())
            return
        play = Play(
            calls=calls,
            pace=self._pace,
            count=len(self.plan.targets),
            late_by=self._experience.late_by,
            batches=self._batches,
        )
        realtime, batch = play.realtime(), play.batch()
        yield LaneQuote(lane=MoneyLane.REALTIME, cost=now, duration=realtime)
        yield LaneQuote(lane=MoneyLane.BATCH, cost=later, duration=batch)
        deadline_s = self._deadline_s
        part = batch_part(play, batch, deadline_s=deadline_s, lanes=self.plan.lanes)
        yield LaneQuote(
            lane=MoneyLane.CHEAPEST,
            cost=mixed([(part, later), (1 - part, now)]) if now and later else None,
            duration=cheapest_duration(part, batch, realtime, deadline_s=deadline_s),
        )

    def _without_calls(self) -> Duration:
        """Of items that ask nobody: as earlier ones."""
        types = list(map(str, self.plan.kind.run_types))
        (row,) = QUERIES.fetch("quote_item_times", {"types": types, "items": _ITEMS})
        p50_s = row["p50_s"] or _COLD_ITEM_S
        return Duration(
            p50=round(p50_s * 1000), p90=round((row["p90_s"] or p50_s) * 1000), binding=None
        )

    @cached_property
    def _deadline_s(self) -> float:
        deadline = self.plan.options.deadline
        if deadline is None:
            return _DEADLINE_S
        return min((deadline - self.now).total_seconds(), _DEADLINE_S)

    @cached_property
    def _pace(self) -> Pace:
        plan = self.plan
        offered = workers_alive().aggregate(n=Sum("concurrency"))["n"] or 0
        return Pace(
            lanes=0 if plan.adaptive_lanes else plan.lanes,
            delay_s=plan.profile.delay_ms / 1000,
            offered=min(offered, MOST_LANES),
            slots=settings.LIMIT_CONCURRENCY,
            burst_s=settings.LIMIT_BURST_S,
            **limits_of(plan.model),
        )

    def _cache_text(self) -> str:
        calls = self._calls
        if not calls.first:
            return "No calls are made."
        if not calls.prefixes:
            return "The provider does not cache the beginning of these prompts."
        prefix = round(max(each.tokens.prefix for each in calls.first))
        worst, usual, best = self._batches.hits
        return (
            f"{prefix:,} tokens at the beginning are the same in each call. In realtime the first "
            "call writes them to the provider's cache, and the others read them; in batches "
            f"{usual:.0%} read them ({worst:.0%} to {best:.0%})."
        )

    def _assumptions(self) -> Iterator[str]:
        plan, past = self.plan, self._past
        if plan.left_out:
            yield left_out_text(plan.left_out)
        if not plan.kind.uses_provider:
            return
        yield self._answers_text()
        if past.counted:
            yield f"{1 / past.tokens_per_byte:.2f} bytes a token, as the provider counted them."
        else:
            yield f"{1 / past.tokens_per_byte:.1f} bytes a token; the provider counted none yet."
        if len(plan.targets) > MOST_RENDERED:
            items = counted(len(plan.targets), plan.kind.item_words)
            yield f"The prompts of {MOST_RENDERED} of {items} were rendered, evenly by their size."
        if past.calls:
            yield f"{past.again_rate:.1%} of the calls are asked once more, to be repaired."
        if not self._pace.offered:
            yield "No worker lives: counted as if there were enough."
        yield "Other runs at the same time take from the same limits; none is counted."
        yield f"Batches cost half, {self._batch_text()}; what is repaired is asked for in realtime."
        yield f"cheapest: batches, and realtime where they would miss {self._deadline_text()}."

    def _batch_text(self) -> str:
        known = self._batches.known_seconds
        if known:
            return f"and take as long as the last {len(known)}"
        p50, p90 = (duration_text(round(s * 1000)) for s in (BATCH_P50_S, BATCH_P90_S))
        return f"half of them end within {p50}, nine in ten within {p90}"

    def _answers_text(self) -> str:
        past = self._past
        if not past.calls:
            return (
                "Not calibrated: no run of this kind has ended yet. An answer is taken to fill "
                f"{COLD_PART:.0%} of its cap. The first items of a run tell more."
            )
        seen = f"{len(past.first):,} calls of {counted(past.runs, ('run', 'runs'))}"
        if past.calibrated:
            return f"Answers, repairs and times as in {seen} with this model and these prompts."
        other = "earlier prompts" if past.same_model else "other models"
        return f"Not calibrated: answers, repairs and times as in {seen} with {other}."

    def _deadline_text(self) -> str:
        deadline = self.plan.options.deadline
        return f"{deadline:%Y-%m-%d %H:%M} UTC" if deadline else "24 hours"
