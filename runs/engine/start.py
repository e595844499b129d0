"""Starting a run: which items it takes, in what order, and the rows that it begins with."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from batchgen.db.clock import database_now
from batchgen.errors import RunAlreadyActive
from batchgen.micro_usd import usd_of
from content.kind import Options, Reason, Target
from content.models import PromptSet
from content.priority import deadline_reasons
from content.prompt_sets import prompt_set_of_start
from content.registry import Kind, kind_started_by
from content.run_types import RunType
from epics.models import Project
from epics.writes import project_lock
from runs.engine.budgets import BUDGET, budgets_check, months_ensure, run_budget_set
from runs.engine.open_targets import already_active, held_by_code, holders
from runs.engine.quotas import run_check
from runs.engine.quote_take import content_digest, quote_take
from runs.engine.start_rows import items_create, lanes_provide
from runs.engine.start_targets import targets_wanted
from runs.engine.start_words import kept_text, left_out_text, many_key, start_line
from runs.engine.trail import LANES, Actor, action_append, log_append
from runs.engine.transitions import run_dispatch
from runs.models import PacingProfile, Quote, Run, RunAction, RunLog
from runs.pacing import MOST_LANES
from runs.priority import priority_of
from runs.states import ACTIVE, MoneyLane, Pacing, Priority

#: In the trail's line of a start: the model that its starter chose.
CHOSEN_MODEL = "model"
#: And how many targets the start left out because the run keeps them.
KEPT = "kept"
_PROMPT_KEY_CHARS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """What the starter of a run chooses; see the contract for the meaning."""

    type: str = RunType.GENERATE_ALL_STORIES
    #: Of the type's kind, as its `options` are; what is missing is that class's default.
    options: Mapping[str, object] = field(default_factory=dict)
    pacing_profile: str = Pacing.NORMAL
    priority: str | None = Priority.NORMAL
    target_ids: Sequence[UUID] | None = None
    max_concurrency: int | None = None
    #: {target: its item's}, where that is not to be the kind's.
    priorities: Mapping[UUID, int] = field(default_factory=dict)
    #: None: as the server is set.
    model: str | None = None
    deadline: datetime | None = None
    #: As in `runs.states.MoneyLane`.
    lane: str = MoneyLane.REALTIME
    #: What it was quoted by.
    quote_id: UUID | None = None
    #: What it may spend; None: without a limit of its own.
    budget_micro_usd: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StartPlan:
    """What a start comes to, before anything is written.

    Attributes:
        chosen: the kind's options, each of them.
        left_out: {code: run's id} of targets that are open there.
        prompt_set: None where it goes by the files.
        body: what a quote for it is bound to; JSON.
        digest: the same as long as what it is made of is.
    """

    options: RunOptions
    kind: Kind
    chosen: Options
    targets: list[Target]
    left_out: dict[str, str]
    profile: PacingProfile
    model: str
    prompt_set: PromptSet | None
    prompt_key: str
    body: dict[str, Any]
    digest: str

    @property
    def lanes(self) -> int:
        """As many as its starter, or the pacing profile, says."""
        return min(self.options.max_concurrency or self.profile.lanes, MOST_LANES)

    @property
    def adaptive_lanes(self) -> bool:
        """The engine finds their number."""
        return (
            self.kind.uses_provider
            and self.options.pacing_profile == Pacing.ADAPTIVE
            and self.options.max_concurrency is None
        )


def start_plan(*, project: Project, options: RunOptions) -> StartPlan:
    """What a start with these options comes to now. No targets: all are open elsewhere.

    Raises:
        ValidationFailed: as `run_start`.
    """
    kind = kind_started_by(options.type)
    chosen = kind.options.model_validate(dict(options.options))
    found = targets_wanted(kind, options.type, project, options.target_ids, chosen)
    held = holders(kind.name, project) if options.target_ids is None else {}
    targets = [
        replace(target, priority=options.priorities.get(target.id, target.priority))
        for target in found
        if target.id not in held
    ]
    profile = PacingProfile.objects.get(name=options.pacing_profile)
    model = options.model or settings.MODEL if kind.uses_provider else ""
    prompt_set = prompt_set_of_start(kind.name, kind.prompts)
    prompt_key = _prompt_key(kind, chosen, prompt_set)
    return StartPlan(
        options=options,
        kind=kind,
        chosen=chosen,
        targets=targets,
        left_out=held_by_code(held, found),
        profile=profile,
        model=model,
        prompt_set=prompt_set,
        prompt_key=prompt_key,
        body=_quoted_body(options, chosen),
        digest=content_digest(
            context_key=_context_key(project),
            prompt_key=prompt_key,
            model=model,
            profile=profile,
            targets=targets,
        ),
    )


def _quoted_body(options: RunOptions, chosen: Options) -> dict[str, Any]:
    """What a quote is bound to of a start, by the names of the API. Not its lane of money: a quote
    has each."""
    ids = options.target_ids
    return {
        "type": options.type,
        "options": chosen.model_dump(mode="json"),
        "pacingProfile": options.pacing_profile,
        "priority": options.priority,
        "targetIds": None if ids is None else sorted(map(str, ids)),
        "model": options.model,
        "maxConcurrency": options.max_concurrency,
        "deadline": options.deadline and options.deadline.isoformat(),
    }


def _prompt_key(kind: Kind, chosen: Options, prompt_set: PromptSet | None) -> str:
    key = kind.prompt_key(chosen.model_dump(mode="json"))
    return (f"{key}, version {prompt_set.version}" if prompt_set else key)[:_PROMPT_KEY_CHARS]


def run_start(
    *, project: Project, user: Actor | None, options: RunOptions, retried_from: Run | None = None
) -> Run:
    """Create a run with its items and lanes, and set it going.

    The messages are sent after the commit; where the broker is away, the reconciler sends them.

    Where all targets are asked for, those that are open in other runs are left out; the trail names
    them.

    Raises:
        ValidationFailed: nothing to process, or options that do not fit together.
        RunAlreadyActive: the project has an active run of this type.
        ItemAlreadyActive: a target that is named, or each there is, is open in another run.
        PriceUnknown: a budget applies, and the model has no price.
        BudgetReached: the project's month, or the installation's, is used up.
        QuotaReached: the user has too many runs, lanes or items in them, or too much stored.
        QuoteOutdated: the quote that is named does not hold any more.
        NotFound: the project was deleted just now.
    """
    transaction.on_commit(months_ensure)  # of a caller's, too: budgets are locked last
    with transaction.atomic():
        # Nobody deletes the project, changes its targets or starts with them up to the commit.
        project_lock(project.pk)
        plan = start_plan(project=project, options=options)
        kind, targets, left_out = plan.kind, plan.targets, plan.left_out
        if isinstance(user, User) and targets:
            run_check(user, items=len(targets), lanes=min(plan.lanes, len(targets)))
        run = _run_create(plan, project=project, user=user, retried_from=retried_from)
        if not targets:
            raise already_active(left_out)
        budgets_check(run, limited=options.budget_micro_usd is not None)
        items_create(kind, run, targets)
        lanes_provide(run=run, most=run.max_concurrency)
        if options.budget_micro_usd is not None:
            run_budget_set(run_id=run.id, micro_usd=options.budget_micro_usd)
        origin = {"retriedFrom": str(retried_from.id)} if retried_from else {}
        others: dict[str, object] = {"leftOut": left_out} if left_out else {}
        kept = kind.left_out(project, plan.chosen) if options.target_ids is None else 0
        if kept:
            others[KEPT] = kept
        if options.model:
            others[CHOSEN_MODEL] = options.model
        if options.budget_micro_usd is not None:
            others[BUDGET] = str(usd_of(options.budget_micro_usd))
        if run.adaptive_lanes:
            others[LANES] = run.max_concurrency
        action_append(
            run_id=run.id,
            kind=RunAction.Kind.START,
            user=user,
            details={many_key(kind): len(targets), **origin, **others},
        )
        log_append(run_id=run.id, message=start_line(kind, run, user))
        if left_out:
            message = left_out_text(left_out)
            log_append(run_id=run.id, message=message, level=RunLog.Level.WARNING)
        if kept:
            log_append(run_id=run.id, message=kept_text(kind, kept), level=RunLog.Level.WARNING)
        # The caller's transaction, where there is one, has to be over too.
        transaction.on_commit(partial(run_dispatch, run_id=run.id))
    return run


def model_chosen(*, run: Run) -> str | None:
    """The model that its starter named; None where it is the server's."""
    start = RunAction.objects.filter(run=run, kind=RunAction.Kind.START).first()
    return start.details.get(CHOSEN_MODEL) if start else None


def _reasons(plan: StartPlan) -> tuple[Reason, ...]:
    if plan.options.priority is not None or not plan.targets:
        return ()
    return plan.kind.reasons(plan.targets) + deadline_reasons(plan.options.deadline, database_now())


def _run_create(
    plan: StartPlan, *, project: Project, user: Actor | None, retried_from: Run | None
) -> Run:
    options, profile = plan.options, plan.profile
    reasons = _reasons(plan)
    quote = _quote(plan, project)
    try:
        with transaction.atomic():
            return Run.objects.create(
                project=project,
                type=options.type,
                options=plan.chosen.model_dump(mode="json"),
                pacing_profile=options.pacing_profile,
                priority=options.priority or priority_of(reasons),
                priority_reasons=retried_from.priority_reasons
                if retried_from
                else [asdict(reason) for reason in reasons],
                deadline=options.deadline,
                lane=options.lane if plan.kind.uses_provider else MoneyLane.REALTIME,
                max_concurrency=plan.lanes,
                adaptive_lanes=plan.adaptive_lanes,
                provider=settings.PROVIDER_NAME if plan.kind.uses_provider else "",
                model=plan.model,
                max_tokens=profile.max_tokens,
                delay_ms=profile.delay_ms,
                max_retries=profile.max_retries,
                retry_wait_ms=profile.retry_wait_ms,
                context_key=_context_key(project),
                prompt_set=plan.prompt_set,
                prompt_key=plan.prompt_key,
                quote=quote,
                total_items=len(plan.targets),
                retried_from=retried_from,
                created_by_id=user.pk if user else None,
            )
    except IntegrityError as error:
        if "run_active_once" not in str(error):
            raise
        active = Run.objects.filter(project=project, type=options.type, status__in=ACTIVE)
        raise RunAlreadyActive(
            "This project already has an active run of this type. Wait for it, or cancel it.",
            runId=str(active.values_list("id", flat=True).first()),
        ) from error


def _quote(plan: StartPlan, project: Project) -> Quote | None:
    if plan.options.quote_id is None:
        return None
    return quote_take(plan.options.quote_id, project=project, body=plan.body, digest=plan.digest)


def _context_key(project: Project) -> str:
    texts = (project.name, project.description, project.context, project.language)
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
