"""One run: how far it is, what can be done with it, its items, what failed, and its log."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from batchgen.api.inputs import NothingInput
from batchgen.api.operations import valid
from batchgen.db.clock import database_now
from batchgen.errors import ValidationFailed
from content.kind import MakesFiles, counted
from content.registry import kind_started_by
from epics.access import Role
from runs.api.run_input import PauseInput
from runs.engine.controls import run_control, run_retry
from runs.models import ProviderBatch, Run
from runs.reads import selectors
from runs.reads.batches import run_batches
from runs.reads.failures import failures_by_code, run_failures
from runs.reads.items import tokens_read
from runs.reads.log import log_last, log_number
from runs.reads.parallel import parallel_read
from runs.reads.progress import RunProgress
from runs.states import HealthVerdict, ItemStatus, LaneState, RunStatus
from web.controls import controls_of, finishing
from web.page import page, show, told, user_of
from web.views.run_items import TOLD, items_of, panel_of

_ACTIONS = {
    "pause": "Paused.",
    "resume": "Resumed.",
    "cancel": "Cancelled.",
}
#: Lines of the log that the page begins with.
_LINES = 200
#: Batches that it shows: the last ones.
_BATCHES = 50


@page("GET")
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The run as it is; where the browser can, it goes on by itself."""
    found = selectors.run_for(user=request.user, run_id=run_id)
    progress = RunProgress.of(found)
    log_number(run_id=run_id)
    failures = failures_by_code(run_failures(run=found)) if progress.failed else []
    context = {
        **_head(progress),
        **items_of(request, progress),
        "failures": failures,
        "retriable": sum(group.retriable for group in failures),
        "parallel": parallel_read(run=found),
        "batches": _batches(progress),
        "lines": log_last(run_id=run_id, limit=_LINES),
        "panel": panel_of(request, progress),
        "live": _live(found, progress),
        "looks": [*RunStatus.values, *ItemStatus.values, *HealthVerdict.values],
        "file": _file(found),
    }
    return show(request, "run.html", context)


def _head(progress: RunProgress) -> dict[str, Any]:
    return {
        "run": progress.run,
        "project": progress.run.project,
        "progress": progress,
        "kind": progress.kind,
        "controls": controls_of(progress),
        "finishing": finishing(progress),
        "tokens": (tokens_read(progress) or 0) + progress.output_tokens,
    }


def _batches(progress: RunProgress) -> list[ProviderBatch]:
    """The last ones, the latest first."""
    if not progress.batches_submitted:
        return []
    return list(run_batches(run=progress.run).queryset().order_by("-order", "-id")[:_BATCHES])


def _live(found: Run, progress: RunProgress) -> dict[str, Any]:
    """What the page follows the run by."""
    return {
        "events": reverse("run-events", args=[found.pk]),
        "run": reverse("run-read", args=[found.pk]),
        "items": reverse("run-items", args=[found.pk]),
        "log": reverse("run-log", args=[found.pk]),
        "ended": found.completed_at is not None,
        "idle_s": _idle_s(found),
    }


def _idle_s(found: Run) -> int:
    """How long nothing has moved in the run, as of now."""
    moved = found.lanes.exclude(state=LaneState.PARKED).aggregate(at=Max("moved_at"))["at"]
    return max(0, round((database_now() - moved).total_seconds())) if moved else 0


def _file(found: Run) -> dict[str, Any] | None:
    """Of a run that ended with a file: where it is."""
    kind = kind_started_by(found.type)
    made = kind.file_of(found.pk) if isinstance(kind, MakesFiles) and found.completed_at else None
    return {"made": made, "url": reverse("run-file", args=[found.pk])} if made else None


@page("GET")
def parallel(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Of the run's page the part that says who works on what, which asks for itself anew."""
    found = selectors.run_plain(user=request.user, run_id=run_id)
    return show(request, "run_parallel.html", {"run": found, "parallel": parallel_read(run=found)})


@page("POST")
def control(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Pause, resume or cancel."""
    found = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
    action = request.POST.get("action", "")
    if action not in _ACTIONS:
        raise ValidationFailed("Choose pause, resume or cancel.")
    given = {"batches": request.POST["batches"]} if request.POST.get("batches") else {}
    wanted = valid(PauseInput if action == "pause" else NothingInput, given)
    cancels = wanted.get("batches") == "cancel"
    try:
        moved = run_control(run=found, action=action, user=user_of(request), cancel_batches=cancels)
    except TOLD as error:
        return told(request, error, "web:run", run_id=run_id)
    text = _ACTIONS[action]
    if moved.in_flight:
        begun = counted(moved.in_flight, kind_started_by(found.type).item_words)
        text += f" {begun} that had begun will be finished and kept."
    if moved.requests_out:
        out = counted(moved.requests_out, ("request", "requests"))
        done = "cancelled" if cancels or action == "cancel" else "waited for"
        text += f" {out} in the provider's batches: {done}."
    messages.success(request, text)
    return redirect("web:run", run_id=run_id)


@page("GET")
def cancel(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The question before a cancel, where the browser has no dialogs."""
    found = selectors.run_for(user=request.user, run_id=run_id, role=Role.EDITOR)
    return show(request, "run_cancel.html", {"run": found})


@page("POST")
def retry(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """A new run over what failed: all of it, or what failed with one error."""
    found = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
    codes = request.POST.getlist("error")
    try:
        again = run_retry(
            run=found, user=user_of(request), include_pending=False, error_codes=codes
        )
    except TOLD as error:
        return told(request, error, "web:run", run_id=run_id)
    what = counted(again.total_items, kind_started_by(found.type).item_words)
    messages.success(request, f"Retrying {what} in this run.")
    return redirect("web:run", run_id=again.pk)
