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
from django.db import IntegrityError, connection, transaction

from batchgen.db.clock import database_now
from batchgen.db.ids import new_id
from batchgen.errors import MAX_PROBLEMS, RunAlreadyActive, ValidationFailed
from content.kind import Options, Reason, Target
from content.priority import deadline_reasons
from content.prompt_sets import prompt_set_of_start
from content.registry import Kind, kind_started_by
from content.run_types import RunType
from epics.models import Project
from epics.writes import project_lock
from runs.engine.open_targets import ONCE, already_active, held_by_code, holders
from runs.engine.queries import QUERIES
from runs.engine.quotas import run_check
from runs.engine.start_words import kept_text, left_out_text, many_key, start_line
from runs.engine.trail import LANES, Actor, action_append, log_append
from runs.engine.transitions import run_dispatch
from runs.models import PacingProfile, Run, RunAction, RunLog
from runs.pacing import MOST_LANES
from runs.priority import priority_of
from runs.states import ACTIVE, MoneyLane, Pacing, Priority

#: In the trail's line of a start: the model that its starter chose.
CHOSEN_MODEL = "model"
#: And how many targets the start left out because the run keeps them.
KEPT = "kept"


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
        QuotaReached: the user has too many runs, lanes or items in them, or too much stored.
        NotFound: the project was deleted just now.
    """
    with transaction.atomic():
        # Nobody deletes the project, changes its targets or starts with them up to the commit.
        project_lock(project.pk)
        kind = kind_started_by(options.type)
        chosen = kind.options.model_validate(dict(options.options))
        targets = _targets(kind, project, options, chosen)
        everything = options.target_ids is None
        held = holders(kind.name, project) if everything else {}
        left_out = held_by_code(held, targets)
        targets = [
            replace(target, priority=options.priorities.get(target.id, target.priority))
            for target in targets
            if target.id not in held
        ]
        if isinstance(user, User) and targets:
            run_check(user, items=len(targets), lanes=min(_lanes(options), len(targets)))
        run = _run_create(
            kind,
            project=project,
            user=user,
            options=options,
            chosen=chosen,
            targets=targets,
            retried_from=retried_from,
        )
        if not targets:
            raise already_active(left_out)
        items_create(kind, run, targets)
        lanes_provide(run=run, most=run.max_concurrency)
        origin = {"retriedFrom": str(retried_from.id)} if retried_from else {}
        others: dict[str, object] = {"leftOut": left_out} if left_out else {}
        kept = kind.left_out(project, chosen) if everything else 0
        if kept:
            others[KEPT] = kept
        if options.model:
            others[CHOSEN_MODEL] = options.model
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


def lanes_provide(*, run: Run, most: int) -> None:
    """Make the lanes that the run can use, at most one for each of its items; those that are there
    already are as good. To be called again where `most`, or the number of its items, grew."""
    params: dict[str, Any] = {"run_id": run.id, "count": min(most, run.total_items)}
    with connection.cursor() as cursor:
        cursor.execute(QUERIES["lanes_provide"], params)


def _targets(kind: Kind, project: Project, options: RunOptions, chosen: Options) -> list[Target]:
    one, many = kind.item_words
    field_name = "epicIds" if kind.item_kind == "epic" else "targetIds"
    found = targets_found(kind, project, options.target_ids, chosen, field_name=field_name)
    if not found:
        raise ValidationFailed(f"There are no {many} to process.", **{field_name: [f"No {many}."]})
    if options.type in kind.one_item and len(found) != 1:
        raise ValidationFailed(
            f"{options.type} takes exactly one {one}.", **{field_name: [f"Name exactly one {one}."]}
        )
    return found


def targets_found(
    kind: Kind,
    project: Project,
    ids: Sequence[UUID] | None,
    chosen: Options,
    *,
    field_name: str = "targetIds",
) -> list[Target]:
    """All targets of the project, or those of these ids, in order.

    Args:
        field_name: what a person calls the ids.

    Raises:
        ValidationFailed: an id is none of them.
    """
    found = kind.targets(project, ids, chosen)
    many = kind.item_words[1]
    unknown = set(ids or ()) - {target.id for target in found}
    if unknown:
        problems = [
            f"{target_id} is none of the {many} of this project that can be taken."
            for target_id in sorted(unknown)[:MAX_PROBLEMS]
        ]
        message = f"Some {many} are not in this project, or cannot be taken."
        raise ValidationFailed(message, **{field_name: problems})
    return found


def _reasons(kind: Kind, targets: Sequence[Target], options: RunOptions) -> tuple[Reason, ...]:
    if options.priority is not None or not targets:
        return ()
    return kind.reasons(targets) + deadline_reasons(options.deadline, database_now())


def _run_create(
    kind: Kind,
    *,
    project: Project,
    user: Actor | None,
    options: RunOptions,
    chosen: Options,
    targets: Sequence[Target],
    retried_from: Run | None,
) -> Run:
    profile = PacingProfile.objects.get(name=options.pacing_profile)
    reasons = _reasons(kind, targets, options)
    try:
        with transaction.atomic():
            return Run.objects.create(
                project=project,
                type=options.type,
                options=chosen.model_dump(mode="json"),
                pacing_profile=options.pacing_profile,
                priority=options.priority or priority_of(reasons),
                priority_reasons=retried_from.priority_reasons
                if retried_from
                else [asdict(reason) for reason in reasons],
                deadline=options.deadline,
                lane=options.lane if kind.uses_provider else MoneyLane.REALTIME,
                max_concurrency=_lanes(options),
                adaptive_lanes=kind.uses_provider
                and options.pacing_profile == Pacing.ADAPTIVE
                and options.max_concurrency is None,
                provider=settings.PROVIDER_NAME if kind.uses_provider else "",
                model=options.model or settings.MODEL if kind.uses_provider else "",
                max_tokens=profile.max_tokens,
                delay_ms=profile.delay_ms,
                max_retries=profile.max_retries,
                retry_wait_ms=profile.retry_wait_ms,
                context_key=_context_key(project),
                prompt_set=prompt_set_of_start(kind.name, kind.prompts),
                total_items=len(targets),
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


def _lanes(options: RunOptions) -> int:
    profile = PacingProfile.objects.get(name=options.pacing_profile)
    return min(options.max_concurrency or profile.lanes, MOST_LANES)


def _context_key(project: Project) -> str:
    texts = (project.name, project.description, project.context, project.language)
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def items_create(kind: Kind, run: Run, targets: Sequence[Target], *, after: int = 0) -> list[UUID]:
    """An item for each target, in this order; their ids.

    Args:
        after: the last item's place, where there are items already.

    Raises:
        ItemAlreadyActive: one of them is open in another run.
    """
    ids = [new_id() for _ in targets]
    params: dict[str, Any] = {
        "run_id": run.id,
        "ids": ids,
        "after": after,
        "kind": kind.name,
        "target_ids": [target.id for target in targets],
        "codes": [target.code for target in targets],
        "titles": [target.title for target in targets],
        "priorities": [target.priority for target in targets],
        "held": kind.holds_targets,
        "in_batch": run.lane != MoneyLane.REALTIME,
        "estimated_input_tokens": [target.input_tokens for target in targets],
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(QUERIES["run_items_create"], params)
    except IntegrityError as error:
        # A target is in a run once, whatever became of it there.
        if not any(name in str(error) for name in (ONCE, "target_once_in_run")):
            raise
        held = held_by_code(holders(kind.name, run.project), targets)
        raise already_active(held, run_id=run.id) from error
    return ids
