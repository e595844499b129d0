"""Starting a run: which epics it takes, in what order, and the rows that it begins with."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Exists, OuterRef, Sum
from django.db.models.functions import Coalesce, Length

from batchgen.api.inputs import MAX_PROBLEMS
from batchgen.db.clock import database_now
from batchgen.db.ids import new_id
from batchgen.errors import RunAlreadyActive, ValidationFailed
from epics.models import Epic, Project, Story
from epics.writes import project_lock
from runs.engine.open_targets import ONCE, already_active, codes_text, holders
from runs.engine.queries import QUERIES
from runs.engine.quotas import run_check
from runs.engine.trail import ENGINE, Actor, action_append, log_append
from runs.engine.transitions import run_dispatch
from runs.models import Lane, PacingProfile, Run, RunAction, RunLog
from runs.pacing import MOST_LANES
from runs.priority import EpicFacts, Reason, epic_score, priority_of, run_reasons
from runs.states import ACTIVE, Mode, Pacing, PersonaSet, Priority, RunType

#: Rough size of a prompt's fixed part, and characters to a token, for the estimate of an epic.
_PROMPT_CHARACTERS = 4000
_CHARACTERS_PER_TOKEN = 3.6
#: What is made of a run's epics.
_KIND = "stories"


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
        _run_items_create(run, epics)
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
    indexes = range(min(most, run.total_items))
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
                total_items=len(epics),
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


def _run_items_create(run: Run, epics: Sequence[Epic]) -> None:
    params: dict[str, Any] = {
        "run_id": run.id,
        "ids": [new_id() for _ in epics],
        "kind": _KIND,
        "target_ids": [epic.pk for epic in epics],
        "codes": [epic.code for epic in epics],
        "titles": [epic.title for epic in epics],
        "estimated_input_tokens": [_estimated_input_tokens(epic) for epic in epics],
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(QUERIES["run_items_create"], params)
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
        f"Started by {who}: {run.total_items} epics, {run.mode}, personas {run.persona_set}, "
        f"pacing {run.pacing_profile}, {run.max_concurrency} lanes, "
        f"{run.model} answered by {run.provider}."
    )
