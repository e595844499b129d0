"""Pause, resume, cancel and retry in the admin's list of runs: first what it will do, then it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from batchgen.errors import BatchgenError
from content.kind import counted
from content.registry import kind_started_by
from epics.models import Project
from runs.engine.controls import run_control, run_retry
from runs.models import Run
from runs.reads.progress import RunProgress
from runs.reads.selectors import runs_with_figures

#: Runs of one action: each is a transaction of its own in one request.
MOST_RUNS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class RunsAction:
    """What is done to each of the chosen runs that allows it."""

    #: As `RunProgress.controls` calls it.
    name: str
    #: What it means for the runs that allow it, as counts with their words.
    effects: Callable[[Sequence[RunProgress]], list[str]]
    apply: Callable[[Run, User], str]

    def allows(self, progress: RunProgress) -> bool:
        """Whether it would succeed now."""
        return self.name in progress.controls


def runs_act(
    action: RunsAction, request: HttpRequest, runs: "QuerySet[Run]"
) -> TemplateResponse | None:
    """The page that counts what the action will do; when it was confirmed, what came of it."""
    chosen = list(
        runs_with_figures(Run.objects.filter(pk__in=runs.order_by().values("pk")[: MOST_RUNS + 1]))
        .select_related("project")
        .order_by("created_at", "id")
    )
    if len(chosen) > MOST_RUNS:
        messages.error(request, f"Choose at most {MOST_RUNS} runs at a time. Nothing was done.")
        return None
    if "confirmed" not in request.POST:
        return _page(action, request, chosen)
    assert isinstance(request.user, User)  # noqa: S101 - the admin lets nobody else in
    for run in chosen:
        _apply(action, request, run, request.user)
    return None


def _page(action: RunsAction, request: HttpRequest, chosen: Sequence[Run]) -> TemplateResponse:
    progress = [RunProgress.of(run) for run in chosen]
    allowed = [each for each in progress if action.allows(each)]
    context = {
        "title": f"{action.name.replace('-', ' ').capitalize()}: {_runs(len(allowed))}",
        "action": action.name.replace("-", "_"),
        "name": action.name.replace("-", " "),
        "opts": Run._meta,
        "allowed": allowed,
        "effects": action.effects(allowed),
        "refused": [each for each in progress if not action.allows(each)],
    }
    return TemplateResponse(request, "admin/runs/run/confirm.html", context)


def _apply(action: RunsAction, request: HttpRequest, run: Run, user: User) -> None:
    try:
        told = action.apply(run, user)
    except BatchgenError as error:
        messages.warning(request, f"{run.project}, run {run.pk}: {error.message}")
    else:
        messages.success(request, f"{run.project}, run {run.pk}: {told}")


def _control(name: str, done: str) -> Callable[[Run, User], str]:
    def apply(run: Run, user: User) -> str:
        moved = run_control(run=run, action=name, user=user)
        return f"{done}. {_calls(moved.in_flight)} in flight."

    return apply


def _retry(run: Run, user: User) -> str:
    project: Project = run.project
    retry = run_retry(run=run, user=user, include_pending=False)
    items = counted(retry.total_items, kind_started_by(retry.type).item_words)
    return f"run {retry.pk} of {project} does {items} again."


def _stop_effects(verb: str) -> Callable[[Sequence[RunProgress]], list[str]]:
    def effects(runs: Sequence[RunProgress]) -> list[str]:
        return [
            f"{_calls(sum(each.generating for each in runs))} in flight finish and are kept",
            f"{_items(sum(each.pending for each in runs))} that have not begun {verb}",
        ]

    return effects


def _resume_effects(runs: Sequence[RunProgress]) -> list[str]:
    return [f"{_items(sum(each.pending for each in runs))} go on"]


def _retry_effects(runs: Sequence[RunProgress]) -> list[str]:
    failed = counted(sum(each.failed for each in runs), ("failed item", "failed items"))
    return [f"{_runs(len(runs))} will be started anew, over {failed}"]


def _runs(number: int) -> str:
    return counted(number, ("run", "runs"))


def _calls(number: int) -> str:
    return counted(number, ("call", "calls"))


def _items(number: int) -> str:
    return counted(number, ("item", "items"))


PAUSE = RunsAction(
    name="pause",
    effects=_stop_effects("wait until the run is resumed"),
    apply=_control("pause", "paused"),
)
RESUME = RunsAction(name="resume", effects=_resume_effects, apply=_control("resume", "resumed"))
CANCEL = RunsAction(
    name="cancel",
    effects=_stop_effects("never do"),
    apply=_control("cancel", "cancelled"),
)
RETRY = RunsAction(name="retry-failed", effects=_retry_effects, apply=_retry)
