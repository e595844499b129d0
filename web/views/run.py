"""One run: how far it is, what can be done with it, its items, what failed, and its log."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from batchgen.api.operations import valid
from batchgen.db.clock import database_now
from batchgen.errors import (
    InvalidTransition,
    ItemAlreadyActive,
    QuotaReached,
    RunAlreadyActive,
    ValidationFailed,
)
from content.kind import MakesFiles, counted
from content.registry import kind_started_by
from epics import bounds
from epics.access import Role
from epics.models import Epic
from runs.api.item_output import ITEM_ORDERS
from runs.api.run_input import ItemChangeInput
from runs.engine.controls import run_control, run_item_cancel, run_retry
from runs.engine.items import item_prioritise
from runs.models import Run, RunItem
from runs.models.work import MOST_PRIORITY
from runs.reads import selectors
from runs.reads.failures import failures_by_code, run_failures
from runs.reads.items import (
    duration_ms,
    item_calls,
    item_read,
    remaining_ms,
    run_items,
    stage_percent,
    tokens_read,
    waiting_of,
)
from runs.reads.log import log_last, log_number
from runs.reads.progress import RunProgress
from runs.states import FINAL, HealthVerdict, ItemStatus, LaneState, RunStatus
from web.controls import controls_of, finishing
from web.forms import Rows
from web.page import page, show, told, user_of

#: What a person is told as a message on the page that they acted on.
_TOLD = (
    InvalidTransition, ItemAlreadyActive, QuotaReached, RunAlreadyActive, ValidationFailed,
)  # fmt: skip
_ACTIONS = {
    "pause": "Paused.",
    "resume": "Resumed.",
    "cancel": "Cancelled.",
}
#: Lines of the log that the page begins with.
_LINES = 200
_SORTS = {"order": "In order", "completedAt": "As they ended"}


@page("GET")
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The run as it is; where the browser can, it goes on by itself."""
    found = selectors.run_for(user=request.user, run_id=run_id)
    progress = RunProgress.of(found)
    log_number(run_id=run_id)
    context = {
        **_head(progress),
        **_items(request, found),
        "failures": failures_by_code(run_failures(run=found)) if progress.failed else [],
        "lines": log_last(run_id=run_id, limit=_LINES),
        "panel": _panel(request, found),
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


def _items(request: HttpRequest, found: Run) -> dict[str, Any]:
    """The table's rows, by the filters of the address."""
    asked = request.GET
    filters = {
        "state": asked.get("state", "") if asked.get("state") in ItemStatus.values else "",
        "error": asked.get("error", "")[: bounds.CODE_CHARS],
        "sort": asked.get("sort", "") if asked.get("sort") in _SORTS else "order",
        "q": asked.get("q", "")[: bounds.NAME_CHARS],
    }
    items = run_items(run=found)
    if filters["state"]:
        items = items.filter(status=filters["state"])
    if filters["error"]:
        items = items.filter(error_code=filters["error"])
    if filters["q"]:
        items = items.filter(title__icontains=filters["q"]) | items.filter(
            code__iexact=filters["q"]
        )
    if filters["sort"] == "completedAt":
        items = items.filter(completed_at__isnull=False)
    rows = Rows(request, items, keys=ITEM_ORDERS[filters["sort"]])
    return {
        "rows": rows,
        "items": [_row(item) for item in rows],
        "filters": filters,
        "filtered": any(filters[name] for name in ("state", "error", "q")),
        "states": ItemStatus.values,
        "sorts": _SORTS.items(),
    }


def _row(item: RunItem) -> dict[str, Any]:
    return {
        "item": item,
        "percent": stage_percent(item),
        "waiting": waiting_of(item),
        "remaining_ms": remaining_ms(item),
        "duration_ms": duration_ms(item),
    }


def _panel(request: HttpRequest, found: Run) -> dict[str, Any] | None:
    """The item that the address opens beside the table."""
    try:
        item_id = UUID(request.GET.get("item", ""))
    except ValueError:
        return None
    item = run_items(run=found).filter(pk=item_id).first()
    if item is None:
        return None
    epic = Epic.objects.filter(pk=item.target_id).first() if item.target_id else None
    return {
        **_row(item),
        "calls": item_calls(item=item),
        "epic": epic,
        "open": item.status in (ItemStatus.PENDING, ItemStatus.GENERATING)
        and vars(found)["may_control"]
        and found.status not in FINAL,
        "most_priority": MOST_PRIORITY,
    }


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


@page("POST")
def control(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Pause, resume or cancel."""
    found = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
    action = request.POST.get("action", "")
    if action not in _ACTIONS:
        raise ValidationFailed("Choose pause, resume or cancel.")
    try:
        moved = run_control(run=found, action=action, user=user_of(request))
    except _TOLD as error:
        return told(request, error, "web:run", run_id=run_id)
    text = _ACTIONS[action]
    if moved.in_flight:
        begun = counted(moved.in_flight, kind_started_by(found.type).item_words)
        text += f" {begun} that had begun will be finished and kept."
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
    except _TOLD as error:
        return told(request, error, "web:run", run_id=run_id)
    what = counted(again.total_items, kind_started_by(found.type).item_words)
    messages.success(request, f"Retrying {what} in this run.")
    return redirect("web:run", run_id=again.pk)


@page("POST")
def item(request: HttpRequest, run_id: UUID, item_id: UUID) -> HttpResponse:
    """Cancel one item, or have it go sooner or later."""
    found = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
    one = item_read(run=found, item_id=item_id)
    back = f"{reverse('web:run', args=[run_id])}?item={item_id}"
    try:
        if request.POST.get("action") == "cancel":
            run_item_cancel(item=one, user=user_of(request))
            done = f"{one.code} is cancelled."
        else:
            priority = valid(ItemChangeInput, {"priority": _whole(request)})["priority"]
            item_prioritise(item=one, user=user_of(request), priority=priority)
            done = f"{one.code} has the priority {priority}."
    except _TOLD as error:
        return told(request, error, back)
    messages.success(request, done)
    return redirect(back)


def _whole(request: HttpRequest) -> int | str:
    text = request.POST.get("priority", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else text
