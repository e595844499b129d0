"""The queue: what waits, who works, what limits, and how staff stops and lets go on all of it."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from batchgen.api.operations import valid
from batchgen.db.clock import database_now
from batchgen.errors import InvalidTransition, Unavailable, ValidationFailed
from content.kind import counted
from epics.access import staff_require
from limiter.keys import CLOSED_MOST_S
from runs.api.queue_json import GateCloseInput, GateOpenInput
from runs.engine.controls import run_control
from runs.gates import REASON_CHARS, gate_close, gate_of, gate_open
from runs.models import Run
from runs.reads.gates import limits_read, runs_at
from runs.reads.items import duration_ms
from runs.reads.progress import RunProgress
from runs.reads.queue import queue_status, running_read
from runs.reads.run_list import runs_list
from runs.states import HealthVerdict, RunStatus
from web.forms import REFUSALS, form_refused, typed
from web.page import page, show, told, user_of

#: Open runs that the page shows, those first that want somebody.
_MOST_RUNS = 50
_BY_NEED = (HealthVerdict.STUCK, HealthVerdict.WAITING, HealthVerdict.FLOWING)
#: How long a gate is closed by hand, where nobody says.
_MINUTES, _MOST_MINUTES = "15", CLOSED_MOST_S // 60
_WORDS = ("run", "runs")


@page("GET")
def queue(request: HttpRequest) -> HttpResponse:
    """Of everybody for staff, else the caller's own share; it goes on by itself."""
    status = queue_status(user=user_of(request))
    context = {
        "status": status,
        "runs": _open_runs(request),
        "ended": [(item, duration_ms(item)) for item in status.recently_completed],
        "why_not": "" if user_of(request).is_staff else "This is for staff.",
        "running": Run.objects.filter(status=RunStatus.RUNNING).count(),
    }
    return show(request, "queue.html", context)


def _open_runs(request: HttpRequest) -> list[tuple[RunProgress, Any]]:
    """Each with its health."""
    found = runs_list(user=request.user).queryset().filter(completed_at__isnull=True)
    newest = found.select_related("project").order_by("-created_at", "-id")[:_MOST_RUNS]
    runs = [(progress, progress.health) for progress in map(RunProgress.of, newest)]
    return sorted(runs, key=lambda each: _BY_NEED.index(each[1].verdict))


@page("GET", "POST")
def pause_all(request: HttpRequest) -> HttpResponse:
    """Pause every running run: first the page that counts what that stops, then it."""
    staff_require(user=request.user)
    if request.method != "POST":
        return show(request, "queue_pause.html", {"running": running_read()})
    paused = late = 0
    for run in Run.objects.filter(status=RunStatus.RUNNING).order_by("created_at", "id"):
        try:
            run_control(run=run, action="pause", user=user_of(request))
            paused += 1
        except InvalidTransition:
            late += 1
    text = f"{counted(paused, _WORDS)} paused."
    if late:
        text += f" {counted(late, _WORDS)} had ended, or been paused, meanwhile."
    messages.success(request, text)
    return redirect("web:queue")


@page("GET", "POST")
def gate(request: HttpRequest) -> HttpResponse:
    """Close or open the gate of a model: first what that is for, then it."""
    staff_require(user=request.user)
    form = request.POST if request.method == "POST" else request.GET
    model, action = form.get("model", ""), form.get("action", "")
    if action not in _GATE:
        raise ValidationFailed("Choose close or open.")
    context = _affected(model, action, typed(request.POST, ("minutes", "reason")))
    if request.method != "POST":
        return show(request, "queue_gate.html", context)
    try:
        _GATE[action](request, model)
    except Unavailable as error:
        return told(request, error, "web:queue")
    except REFUSALS as error:
        return form_refused(request, error, "queue_gate.html", context)
    messages.success(request, f"The gate of {model} is {'open' if action == 'open' else 'closed'}.")
    return redirect("web:queue")


def _affected(model: str, action: str, values: dict[str, str]) -> dict[str, Any]:
    """A gate, and whose calls go through it.

    Raises:
        NotFound: the model is not known.
    """
    name = gate_of(model)
    return {
        "model": model,
        "action": action,
        "limits": limits_read({model: name})[0],
        "affected": runs_at(name).count(),
        "values": {"minutes": _MINUTES, **values},
        "most_minutes": _MOST_MINUTES,
        "reason_chars": REASON_CHARS,
    }


def _close(request: HttpRequest, model: str) -> None:
    minutes = request.POST.get("minutes", "").strip()
    if not (minutes.isascii() and minutes.isdigit() and 0 < int(minutes[:9]) <= _MOST_MINUTES):
        message = f"Give minutes from 1 to {_MOST_MINUTES}."
        raise ValidationFailed(message, minutes=[message])
    until = database_now() + timedelta(minutes=int(minutes))
    asked = valid(GateCloseInput, {**typed(request.POST, ("reason",)), "until": until.isoformat()})
    gate_close(model=model, actor=user_of(request), **asked)


def _open(request: HttpRequest, model: str) -> None:
    asked = valid(GateOpenInput, typed(request.POST, ("reason",)))
    gate_open(model=model, actor=user_of(request), **asked)


_GATE = {"close": _close, "open": _open}
