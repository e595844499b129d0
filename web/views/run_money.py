"""What a run costs, as people steer it: its budget, and its batches at a pause."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from rest_framework.serializers import ValidationError

from batchgen.api.operations import valid
from batchgen.errors import InvalidTransition, PriceUnknown, QuotaReached, VersionConflict
from batchgen.micro_usd import usd_text
from epics.access import Role
from runs.api.run_input import RunChangeInput
from runs.engine.controls import run_change, run_control
from runs.reads import selectors
from runs.reads.progress import RunProgress
from web.forms import dollars, told_wrong
from web.page import page, show, told, user_of
from web.shapes import whole

#: What a person is told as a message on the run's page.
_TOLD = (InvalidTransition, PriceUnknown, QuotaReached, VersionConflict)


@page("POST")
def budget(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """What the run may spend from now on; and have it go on, where that is asked for, too."""
    run = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
    user, back = user_of(request), reverse("web:run", args=[run_id])
    given = {
        "budgetUsd": dollars(request.POST, "budgetUsd"),
        "version": whole(request.POST.get("version", "")),
    }
    try:
        change = valid(RunChangeInput, given)
    except ValidationError as error:
        return told_wrong(request, error, back)
    try:
        run_change(run=run, user=user, **change)
        if request.POST.get("then") == "resume":
            run_control(run=run, action="resume", user=user)
    except _TOLD as error:
        return told(request, error, back)
    limit = change["budget"].micro_usd
    text = "No budget of its own" if limit is None else f"The budget is {usd_text(limit)}"
    resumed = " now. Resumed." if request.POST.get("then") == "resume" else " now."
    messages.success(request, text + resumed)
    return redirect(back)


@page("GET")
def pause(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """What becomes of batches that are out, asked before a pause where the browser has no
    dialogs."""
    run = selectors.run_for(user=request.user, run_id=run_id, role=Role.EDITOR)
    return show(request, "run_pause.html", {"run": run, "progress": RunProgress.of(run)})
