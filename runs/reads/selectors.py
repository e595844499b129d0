"""Reads of runs; a list is one query, whatever stands in it."""

from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg, JSONBAgg
from django.db.models import (
    Aggregate,
    BooleanField,
    Case,
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    When,
)
from django.db.models.functions import Cast, Extract, JSONObject

from batchgen.db.compiled_query import CompiledRows
from batchgen.errors import NotFound
from content.run_types import MANY_AT_ONCE
from epics.access import (
    Role,
    Somebody,
    project_require,
    role_now,
)
from epics.models import Membership, Project
from runs.engine.start import KEPT
from runs.models import Budget, Lane, OpenTarget, Run, RunAction, RunItem
from runs.reads.batches import batches_figures, items_in_batch
from runs.reads.surroundings import surroundings
from runs.states import ACTIVE, ItemStatus, LaneState

#: What a lane counts of its calls, next to what they cost.
SPENT = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "unknown_calls",
)
_COUNTED = (
    "completed",
    "failed",
    "skipped",
    "cancelled",
    "created",
    "kept",
    *SPENT,
)


_SPENT = F("spent_micro_usd") + F("possibly_micro_usd")
_BUDGET_JSON = JSONObject(
    limit="limit_micro_usd",
    spent="spent_micro_usd",
    held="held_micro_usd",
    possibly="possibly_micro_usd",
)


def runs_with_figures(runs: "QuerySet[Run]") -> "QuerySet[Run]":
    """Each with what `RunProgress.of` reads: `figures`, `current`, `stages`, `marks`,
    `batch_figures`, `in_batch`, `surroundings`, `can_retry`, `prompt_version`, `quoted` and
    `budget`."""
    lanes = Lane.objects.filter(run=OuterRef("pk")).order_by()
    figures = lanes.values("run").annotate(
        figures=JSONObject(
            **{name: Sum(name) for name in _COUNTED},
            cost_usd=Cast(Sum("cost_usd"), CharField()),
            generating=Count("pk", filter=Q(state=LaneState.RUNNING)),
            lanes_out=Count("pk", filter=~Q(state=LaneState.IDLE)),
            wait_reason=_Mode("wait_reason", filter=Q(state=LaneState.PARKED)),
            wake_at_s=_epoch(Min("wake_at", filter=Q(state=LaneState.PARKED))),
            claimed_at_s=_epoch(Max("claimed_at")),
        )
    )
    moved_last = (
        Lane.objects.filter(run=OuterRef(OuterRef("pk")), state=LaneState.RUNNING)
        .order_by("-moved_at")
        .values("pk")[:1]
    )
    generating = RunItem.objects.filter(
        status=ItemStatus.GENERATING, lane=Subquery(moved_last)
    ).order_by()
    current = generating.values(json=JSONObject(code="code", title="title", order="order"))
    stages = (
        RunItem.objects.filter(
            status=ItemStatus.GENERATING,
            lane__run=OuterRef("pk"),
            lane__state=LaneState.RUNNING,
        )
        .order_by()
        .values("lane__run")
        .annotate(stages=ArrayAgg("stage", distinct=True))
    )
    marks = (
        RunAction.objects.filter(run=OuterRef("pk"), details__has_key="epicsDone")
        .order_by()
        .values("run")
        .annotate(
            marks=JSONBAgg(
                JSONObject(
                    kind="kind", actor="actor", at_s=Extract("at", "epoch"), details="details"
                ),
                order_by="id",
            )
        )
    )
    return runs.annotate(
        batch_figures=batches_figures(),
        in_batch=items_in_batch(),
        figures=Subquery(figures.values("figures")),
        current=_until_it_ends(Subquery(current[:1])),
        stages=_until_it_ends(Subquery(stages.values("stages"))),
        marks=Subquery(marks.values("marks")),
        surroundings=surroundings(),
        can_retry=ExpressionWrapper(_retry_succeeds(), output_field=BooleanField()),
        prompt_version=F("prompt_set__version"),
        quoted=F("quote__answer"),
        budget=Subquery(_budget().values(json=_BUDGET_JSON)),
    )


def _until_it_ends(found: Subquery) -> Case:
    """Null of a run that is over, without a look: no lane of it works."""
    return Case(When(completed_at__isnull=True, then=found))


def _budget() -> "QuerySet[Budget]":
    """Of a run, where it has one."""
    return Budget.objects.order_by().filter(
        scope=Budget.Scope.RUN, run_id=OuterRef("pk"), limit_micro_usd__isnull=False
    )


class _Mode(Aggregate):
    """The most frequent one."""

    template = "mode() WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = CharField()


def _epoch(at: Min | Max) -> Extract:
    return Extract(at, "epoch", output_field=FloatField())


def _retry_succeeds() -> Q:
    """Whether `runs.engine.controls.run_retry` would start a run over the failed epics."""
    failed = RunItem.objects.filter(
        run=OuterRef("pk"), status=ItemStatus.FAILED, target_id__isnull=False
    )
    elsewhere = failed.filter(
        Exists(OpenTarget.objects.filter(kind=OuterRef("kind"), target_id=OuterRef("target_id")))
    )
    in_the_way = Run.objects.filter(
        ~Q(type__in=MANY_AT_ONCE),
        project=OuterRef("project"),
        type=OuterRef("type"),
        status__in=ACTIVE,
    )
    return (
        Q(completed_at__isnull=False)
        & Q(Exists(failed))
        & ~Q(Exists(in_the_way))
        & ~Q(Exists(elsewhere))
        # It has what is left of the run's budget.
        & ~Q(Exists(_budget().filter(limit_micro_usd__lte=_SPENT)))
    )


def run_for(*, user: Somebody, run_id: UUID, role: Membership.Role = Role.VIEWER) -> Run:
    """The run with figures and its project, where the user has at least this role in that; and
    whether the user `may_control` it.

    Raises:
        NotFound, Forbidden: as `epics.access.project_require`.
    """
    return _required(run_read(run_id=run_id), user=user, role=role)


def run_plain(*, user: Somebody, run_id: UUID, role: Membership.Role = Role.VIEWER) -> Run:
    """As `run_for`, with nothing counted."""
    run = CompiledRows(_run_alone, run_id=run_id).first()
    if run is None:
        raise NotFound
    return _required(run, user=user, role=role)


def run_role_now(*, user: Somebody, run_id: UUID, role: Membership.Role) -> None:
    """As `epics.access.role_now`, for the run's project."""
    run = run_plain(user=user, run_id=run_id, role=role)
    role_now(user=user, project_id=run.project_id, role=role)


def _required(run: Run, *, user: Somebody, role: Membership.Role) -> Run:
    held = project_require(user=user, project=run.project, role=role)
    vars(run)["may_control"] = held != Role.VIEWER
    return run


def run_read(*, run_id: UUID) -> Run:
    """The run with figures and its project.

    Raises:
        NotFound: there is none.
    """
    run = CompiledRows(_run, run_id=run_id).first()
    if run is None:
        raise NotFound
    return run


def _run_alone(*, run_id: UUID) -> "QuerySet[Run]":
    return Run.objects.select_related("project").filter(pk=run_id)


def _run(*, run_id: UUID) -> "QuerySet[Run]":
    return runs_with_figures(_run_alone(run_id=run_id))


def active_runs(*, project: Project) -> "QuerySet[Run]":
    """The project's runs that are not final, the newest first."""
    return Run.objects.filter(project=project, status__in=ACTIVE).order_by("-created_at", "-id")


def run_actions(*, run: Run) -> CompiledRows[RunAction]:
    """Who did what to it."""
    return CompiledRows(_actions, run_id=run.pk).knowing(run=run)


def _actions(*, run_id: UUID) -> "QuerySet[RunAction]":
    return RunAction.objects.filter(run=run_id)


def items_left_out(*, run: Run) -> dict[str, str]:
    """{item's code: run's id} of those that the start left out, as they were open there."""
    return dict(_start_details(run).get("leftOut", {}))


def items_kept_out(*, run: Run) -> int:
    """How many the start left out, as the run keeps them."""
    return int(_start_details(run).get(KEPT, 0))


def _start_details(run: Run) -> dict[str, Any]:
    details: dict[str, Any] = RunAction.objects.get(run=run, kind=RunAction.Kind.START).details
    return details
