"""What people and the engine do to runs: start, begin, stand still, end.

Each function is one transaction, decided by the WHERE clause of an UPDATE or by a constraint.
"""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Exists, F, OuterRef, Q, Sum
from django.db.models.functions import Coalesce, Length, Now

from batchgen.api.inputs import MAX_PROBLEMS
from batchgen.db.clock import database_now
from batchgen.db.ids import new_id
from batchgen.errors import RunAlreadyActive, ValidationFailed
from epics.access import Role, role_hold
from epics.models import Epic, Project, Story
from epics.writes import project_lock
from runs.engine import dispatch
from runs.engine.lanes import lanes_dispatch, lanes_rest
from runs.engine.open_epics import (
    ONCE,
    all_close,
    already_active,
    codes_text,
    holders,
    waiting_close,
)
from runs.engine.queries import QUERIES
from runs.engine.quotas import run_check
from runs.models import Lane, PacingProfile, Run, RunAction, RunEpic, RunLog
from runs.pacing import MOST_LANES
from runs.priority import EpicFacts, Reason, epic_score, priority_of, run_reasons
from runs.reads.log import log_append
from runs.run_metrics import RUN_S
from runs.states import (
    ACTIVE,
    FINAL,
    LaneState,
    Mode,
    Pacing,
    PersonaSet,
    Priority,
    RunEpicStatus,
    RunStatus,
    RunType,
    sources_of,
)

log = logging.getLogger(__name__)

#: Who acts where no person does.
ENGINE = "batchgen"
#: Rough size of a prompt's fixed part, and characters to a token, for the estimate of an epic.
_PROMPT_CHARACTERS = 4000
_CHARACTERS_PER_TOKEN = 3.6


@dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """Somebody at the server's own shell, who may do all and need be no user of batchgen.

    `pk`: of the user in whose name they act, if any.
    """

    name: str
    pk: int | None = None

    def get_username(self) -> str:
        """As a user has it: what the trail and the log say."""
        return self.name


Actor = User | Operator


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """What the starter of a run chooses; see the contract for the meaning."""

    type: str = RunType.GENERATE_ALL_STORIES
    mode: str = Mode.STANDARD
    persona_set: str = PersonaSet.CORE
    pacing_profile: str = Pacing.NORMAL
    priority: str | None = Priority.NORMAL
    epic_ids: Sequence[UUID] | None = None
    max_concurrency: int | None = None
    skip_quality_check: bool = False
    deadline: datetime | None = None
    #: Stories that a person edited are not replaced.
    keep_edited: bool = True


def run_start(
    *, project: Project, user: Actor | None, options: RunOptions, retried_from: Run | None = None
) -> Run:
    """Create a run with its epics and lanes, and set it going.

    The messages are sent after the commit; where the broker is away, the reconciler sends them.

    Where all epics are asked for, those that are open in other runs are left out; the trail names
    them.

    Raises:
        ValidationFailed: no epics to process, or options that do not fit together.
        RunAlreadyActive: the project has an active run of this type.
        ItemAlreadyActive: an epic that is named, or each there is, is open in another run.
        QuotaReached: the user has too many runs, lanes or epics in them, or too much stored.
        NotFound: the project was deleted just now.
    """
    with transaction.atomic():
        # Nobody deletes the project, changes its epics or starts with them up to the commit.
        project_lock(project.pk)
        epics = _epics_to_process(project, options)
        left_out = holders(project, epics) if options.epic_ids is None else {}
        epics = [epic for epic in epics if epic.code not in left_out]
        if isinstance(user, User) and epics:
            run_check(user, epics=len(epics), lanes=min(_lanes(options), len(epics)))
        run = _run_create(
            project=project, user=user, options=options, epics=epics, retried_from=retried_from
        )
        if not epics:
            raise already_active(left_out)
        _run_epics_create(run, epics)
        lanes_provide(run=run, most=run.max_concurrency)
        origin = {"retriedFrom": str(retried_from.id)} if retried_from else {}
        others = {"leftOut": left_out} if left_out else {}
        action_append(
            run_id=run.id,
            kind=RunAction.Kind.START,
            user=user,
            details={"epics": len(epics), **origin, **others},
        )
        log_append(run_id=run.id, message=_start_line(run, user))
        if left_out:
            message = left_out_text(left_out)
            log_append(run_id=run.id, message=message, level=RunLog.Level.WARNING)
        # The caller's transaction, where there is one, has to be over too.
        transaction.on_commit(partial(run_dispatch, run_id=run.id))
    return run


def lanes_provide(*, run: Run, most: int) -> None:
    """Make the lanes that the run can use, at most one for each of its epics; those that are there
    already are as good. To be called again where `most`, or the number of its epics, grew."""
    indexes = range(min(most, run.total_epics))
    Lane.objects.bulk_create((Lane(run=run, index=i) for i in indexes), ignore_conflicts=True)


def _epics_to_process(project: Project, options: RunOptions) -> list[Epic]:
    epics = Epic.objects.filter(project=project)
    if options.epic_ids is not None:
        epics = epics.filter(id__in=options.epic_ids)
    found: list[Epic] = list(
        epics.annotate(
            card_characters=Coalesce(Sum(Length("cards__statement")), 0),
            card_count=Count("cards"),
            has_stories=Exists(Story.objects.filter(epic=OuterRef("pk"))),
        )
    )
    unknown = set(options.epic_ids or ()) - {epic.id for epic in found}
    if unknown:
        raise ValidationFailed(
            "Some epics are not in this project.",
            epicIds=[
                f"{epic_id} is not an epic of this project."
                for epic_id in sorted(unknown)[:MAX_PROBLEMS]
            ],
        )
    if not found:
        raise ValidationFailed("There are no epics to process.", epicIds=["No epics."])
    if options.type == RunType.GENERATE_STORIES and len(found) != 1:
        raise ValidationFailed(
            "GENERATE_STORIES takes exactly one epic.", epicIds=["Name exactly one epic."]
        )
    return sorted(found, key=_place)


def _place(epic: Epic) -> tuple[bool, int, int, int]:
    """First those that a person gave a priority, then by what speaks for them."""
    given = epic.priority is not None
    return (not given, epic.priority or 0, -epic_score(_facts(epic)), epic.order)


def _facts(epic: Epic) -> EpicFacts:
    facts = vars(epic)
    return EpicFacts(
        cards=facts["card_count"],
        impact=epic.impact,
        has_stories=facts["has_stories"],
        outdated=epic.stories_outdated,
    )


def _reasons(epics: Sequence[Epic], options: RunOptions) -> tuple[Reason, ...]:
    if options.priority is not None or not epics:
        return ()
    return run_reasons(map(_facts, epics), deadline=options.deadline, now=database_now())


def _run_create(
    *,
    project: Project,
    user: Actor | None,
    options: RunOptions,
    epics: Sequence[Epic],
    retried_from: Run | None,
) -> Run:
    profile = PacingProfile.objects.get(name=options.pacing_profile)
    reasons = _reasons(epics, options)
    try:
        with transaction.atomic():
            return Run.objects.create(
                project=project,
                type=options.type,
                mode=options.mode,
                persona_set=options.persona_set,
                pacing_profile=options.pacing_profile,
                priority=options.priority or priority_of(reasons),
                priority_reasons=retried_from.priority_reasons
                if retried_from
                else [asdict(reason) for reason in reasons],
                deadline=options.deadline,
                max_concurrency=_lanes(options),
                skip_quality_check=options.skip_quality_check,
                keep_edited=options.keep_edited,
                provider=settings.PROVIDER_NAME,
                model=settings.MODEL,
                max_tokens=profile.max_tokens,
                delay_ms=profile.delay_ms,
                max_retries=profile.max_retries,
                retry_wait_ms=profile.retry_wait_ms,
                context_key=_context_key(project),
                total_epics=len(epics),
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


def _run_epics_create(run: Run, epics: Sequence[Epic]) -> None:
    params: dict[str, Any] = {
        "run_id": run.id,
        "ids": [new_id() for _ in epics],
        "epic_ids": [epic.pk for epic in epics],
        "codes": [epic.code for epic in epics],
        "titles": [epic.title for epic in epics],
        "estimated_input_tokens": [_estimated_input_tokens(epic) for epic in epics],
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(QUERIES["run_epics_create"], params)
    except IntegrityError as error:
        if ONCE not in str(error):
            raise
        raise already_active(holders(run.project, epics)) from error


def left_out_text(left_out: Mapping[str, str]) -> str:
    """For people: {code: run's id} of epics that a start left out."""
    codes = codes_text(list(left_out))
    return f"Left out, because other runs that are not over include them: {codes}."


def _estimated_input_tokens(epic: Epic) -> int:
    cards: int = epic.card_characters  # type: ignore[attr-defined]  # annotated by the query
    characters = _PROMPT_CHARACTERS + len(epic.title) + len(epic.description) + cards
    return round(characters / _CHARACTERS_PER_TOKEN)


def _start_line(run: Run, user: Actor | None) -> str:
    who = user.get_username() if user else ENGINE
    return (
        f"Started by {who}: {run.total_epics} epics, {run.mode}, personas {run.persona_set}, "
        f"pacing {run.pacing_profile}, {run.max_concurrency} lanes, "
        f"{run.model} answered by {run.provider}."
    )


def run_dispatch(*, run_id: UUID, lost_lane_ids: Sequence[int] = ()) -> int:
    """Give the run's free lanes epics and send their messages; how many were sent."""
    links = lanes_dispatch(run_id=run_id, lost_lane_ids=lost_lane_ids)
    dispatch.send(links)
    return len(links)


def run_rest(*, run_id: UUID) -> int:
    """Have the lanes that may not go on let their epics go; how many did."""
    rested = lanes_rest(run_id=run_id)
    dispatch.revoke(rested)
    return len(rested)


def run_begin(*, run_id: UUID) -> bool:
    """QUEUED -> RUNNING, by the first claimed epic; False when another was first."""
    with transaction.atomic():
        began = Run.objects.filter(id=run_id, status__in=[RunStatus.QUEUED]).update(
            status=RunStatus.RUNNING,
            started_at=Now(),
            version=F("version") + 1,
        )
        if began:
            log_append(run_id=run_id, message="A worker has taken the first epic.")
    return bool(began)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """A run's move to another status."""

    run_id: UUID
    kind: RunAction.Kind
    previous: RunStatus
    status: RunStatus
    at: datetime
    #: Epics whose provider call had begun; no other call of the run starts once it stands still.
    in_flight: int


#: Statuses that lead there in their own way: QUEUED begins with its first epic (`run_begin`).
_NOT_MOVED: dict[RunStatus, tuple[RunStatus, ...]] = defaultdict(
    tuple, {RunStatus.RUNNING: (RunStatus.QUEUED,)}
)


def run_move(
    *,
    run_id: UUID,
    to: RunStatus,
    kind: RunAction.Kind,
    user: Actor | None = None,
    message: str,
    error_code: str = "",
) -> Moved | None:
    """Move a run on, log it and keep who did it; None when its status does not allow it.

    Where the run stands still afterwards, this waits for claims under way, so that `in_flight`
    is exact; lanes that wait come to rest.

    Args:
        user: None where the engine itself decided.
        error_code: why, where something went wrong.
    """
    params: dict[str, Any] = {
        "run_id": run_id,
        "to": to.value,
        "sources": [source.value for source in sources_of(to) if source not in _NOT_MOVED[to]],
        "error_code": error_code,
        "error": message if error_code else "",
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(QUERIES["run_move"], params)
        row = cursor.fetchone()
        if row is None:
            return None
        # A statement of its own: it sees the claims that the one before waited for.
        in_flight, done = epics_counted(run_id=run_id)
        moved = Moved(
            run_id=run_id,
            kind=kind,
            previous=RunStatus(row[0]),
            status=to,
            at=row[1],
            in_flight=in_flight,
        )
        reason = {"reason": error_code} if error_code else {}
        counted = {"inFlight": in_flight, "epicsDone": done}
        details = {"from": moved.previous, "to": to, **counted, **reason}
        action_append(run_id=run_id, kind=kind, user=user, at=moved.at, details=details)
        log_append(run_id=run_id, message=message, level="warning" if error_code else "info")
        if to in FINAL:
            waiting_close(run_id=run_id)
    if to == RunStatus.RUNNING:
        run_dispatch(run_id=run_id)
    else:
        run_rest(run_id=run_id)
    if to != RunStatus.PAUSED:  # which ends when it is resumed
        run_finalize(run_id=run_id)
    return moved


def epics_counted(*, run_id: UUID) -> tuple[int, int]:
    """How many of the run's epics are under way, and how many a worker brought to an end."""
    found = Lane.objects.filter(run_id=run_id).aggregate(
        in_flight=Count("pk", filter=Q(state=LaneState.RUNNING)),
        done=Coalesce(Sum(F("completed") + F("failed") + F("skipped")), 0),
    )
    return found["in_flight"], found["done"]


def action_append(
    *,
    run_id: UUID,
    kind: RunAction.Kind,
    user: Actor | None,
    details: Mapping[str, object],
    at: datetime | None = None,
) -> None:
    """Add to the run's trail, inside the caller's transaction, which nobody's right outlasts: a
    user has to be an editor still.

    Raises:
        NotFound, Forbidden: the user is none any more; see `epics.access.role_hold`.
    """
    if isinstance(user, User):
        project_id = Run.objects.values_list("project_id", flat=True).get(pk=run_id)
        role_hold(user=user, project_id=project_id, role=Role.EDITOR)
    RunAction.objects.create(
        run_id=run_id,
        kind=kind,
        actor=user.get_username() if user else ENGINE,
        actor_id=user.pk if user else None,
        at=at or Now(),
        details=dict(details),
    )


def run_break(*, run_id: UUID, error_code: str) -> bool:
    """Pause the run if its last epics all failed alike and others are waiting for the same fate.

    After a resume one more such failure pauses it again; any other outcome starts the count anew.
    """
    epics = RunEpic.objects.filter(run_id=run_id)
    last = epics.filter(completed_at__isnull=False).order_by("-completed_at")
    codes = list(last.values_list("error_code", flat=True)[: settings.FAILURES_IN_A_ROW])
    if codes != [error_code] * settings.FAILURES_IN_A_ROW:
        return False
    if not epics.filter(status=RunEpicStatus.PENDING).exists():
        return False
    moved = run_move(
        run_id=run_id,
        to=RunStatus.PAUSED,
        kind=RunAction.Kind.PAUSE,
        message=(
            f"{len(codes)} epics in a row failed with {error_code}. Look at their errors, mend "
            "the cause, then resume; retry-failed runs the failed ones again at the end."
        ),
        error_code="FAILURES_IN_A_ROW",
    )
    return moved is not None


def run_finalize(*, run_id: UUID) -> str | None:
    """End the run if nothing is left to do; its final status, or None."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(QUERIES["run_finalize"], {"run_id": run_id})
        end = cursor.fetchone()
        if end is None:
            return None
        all_close(run_id=run_id)
        status, line = _end_line(*end)
        log_append(run_id=run_id, message=line, level=_END_LEVEL[status])
        ended = Run.objects.annotate(taken=F("completed_at") - F("started_at")).get(id=run_id)
    if ended.taken is not None:
        RUN_S.labels(status).observe(ended.taken.total_seconds())
    log.info("run %s ended: %s", run_id, line)
    return status


_END_LEVEL = {
    RunStatus.SUCCEEDED: RunLog.Level.INFO,
    RunStatus.COMPLETED_WITH_ERRORS: RunLog.Level.WARNING,
    RunStatus.FAILED: RunLog.Level.ERROR,
    RunStatus.CANCELLED: RunLog.Level.WARNING,
}


def _end_line(
    status: str, completed: int, failed: int, skipped: int, stories: int
) -> tuple[RunStatus, str]:
    line = f"{status}: {stories} stories from {completed} epics"
    if failed:
        line += f", {failed} failed"
    if skipped:
        line += f", {skipped} skipped"
    return RunStatus(status), f"{line}."
