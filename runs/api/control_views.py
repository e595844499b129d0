"""Starting and controlling runs over REST.

Each method checks who asks, calls one service and shows what came of it.
"""

from functools import partial
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.inputs import NothingInput
from batchgen.api.operations import operation, signed_in, valid
from batchgen.api.output import shown
from batchgen.errors import (
    BudgetReached,
    InvalidTransition,
    ItemAlreadyActive,
    PriceUnknown,
    QuotaReached,
    QuoteOutdated,
    RunAlreadyActive,
)
from epics.access import Role, project_for, role_now
from runs.api.item_output import RunEpicOutput, RunItemOutput
from runs.api.run_input import PauseInput, RetryInput, RunInput
from runs.api.run_output import ControlOutput, RetryOutput, RunStartedOutput, run_json
from runs.engine.controls import Limit, run_control, run_item_cancel, run_retry
from runs.engine.start import RunOptions, run_start
from runs.models import RunItem
from runs.reads import selectors
from runs.reads.expected import run_expected_ms
from runs.reads.items import item_read
from runs.reads.progress import RunProgress
from runs.reads.warnings import start_warnings


class ProjectRunsView(APIView):
    @operation(
        "runStart",
        "Start a run",
        tag="runs",
        request=RunInput,
        response=RunStartedOutput,
        status=202,
        creates=partial(role_now, role=Role.EDITOR),
        errors=[
            *(PriceUnknown, RunAlreadyActive, ItemAlreadyActive, QuotaReached),
            *(BudgetReached, QuoteOutdated),
        ],
        description=(
            "Answers at once; workers do the run. At most one run of a type other than "
            "GENERATE_STORIES, GENERATE_PAGES and EXPORT is active in a project: 409 "
            "RUN_ALREADY_ACTIVE names it in `details.runId`. What a run is over, an epic, a story "
            "and so on, is open in one run at a time (but for EXPORT), until that run is over: "
            "where `targetIds` names one, 409 ITEM_ALREADY_ACTIVE names the runs by the codes; "
            "where it is null, open ones are left out, with a warning, and the 409 comes where "
            "none is left. 400 where there is nothing to process. 409 QUOTE_OUTDATED where the "
            "quote that `quoteId` names does not hold any more."
        ),
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        project = project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
        options = RunOptions(**valid(RunInput, request.data))
        started = run_start(project=project, user=signed_in(request), options=options)
        run = selectors.run_read(run_id=started.pk)
        expected_ms = run_expected_ms(run=run)
        output = {
            **run_json(RunProgress.of(run)),
            "estimatedDurationMs": expected_ms,
            "warnings": start_warnings(run, expected_ms=expected_ms),
        }
        return Response(output, status=202)


def control_view(action: str, *, name: str) -> type[APIView]:
    """The view of pause, resume or cancel, with an operationId of its own."""
    body = PauseInput if action == "pause" else NothingInput

    class RunControlView(APIView):
        @operation(
            name,
            f"{action.capitalize()} a run",
            tag="runs",
            request=body,
            response=ControlOutput,
            errors=[InvalidTransition],
            description=(
                "After a pause or a cancel no provider call starts but those that `inFlight` "
                "counts; they finish and are kept. Requests that are out in the provider's batches "
                "(`requestsOut`) are waited for, too; a cancel has them cancelled there, and keeps "
                "what was answered. Of equal requests at the same time one gets "
                "200, the others 409 INVALID_TRANSITION."
            ),
        )
        def post(self, request: Request, run_id: UUID) -> Response:
            run = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
            given = valid(body, request.data)
            moved = run_control(
                run=run,
                action=action,
                user=signed_in(request),
                cancel_batches=given.get("batches") == "cancel",
            )
            return Response(shown(ControlOutput, moved))

    return RunControlView


class RunRetryView(APIView):
    @operation(
        "runRetry",
        "Retry the failed epics of a final run, as a new run",
        tag="runs",
        request=RetryInput,
        response=RetryOutput,
        status=202,
        creates=partial(selectors.run_role_now, role=Role.EDITOR),
        errors=[
            *(PriceUnknown, InvalidTransition, RunAlreadyActive, ItemAlreadyActive),
            *(QuotaReached, BudgetReached),
        ],
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
        options = valid(RetryInput, request.data)
        retry = run_retry(
            run=run,
            user=signed_in(request),
            include_pending=options["includePending"],
            error_codes=options["error_codes"],
            budget=Limit(micro_usd=options["budget_micro_usd"])
            if "budget_micro_usd" in options
            else None,
        )
        return Response(shown(RetryOutput, retry), status=202)


_CANCELLED = (
    "One that waits is CANCELLED at once. One that is generated is within a second: its call is "
    "aborted; it may still finish first."
)


class RunEpicCancelView(APIView):
    @operation(
        "runEpicCancel",
        "Cancel one epic of a run",
        tag="runs",
        request=NothingInput,
        response=RunEpicOutput,
        errors=[InvalidTransition],
        description=_CANCELLED,
    )
    def post(self, request: Request, run_id: UUID, run_epic_id: UUID) -> Response:
        item = _cancelled(request, run_id, run_epic_id, epics=True)
        return Response(shown(RunEpicOutput, item))


class RunItemCancelView(APIView):
    @operation(
        "runItemCancel",
        "Cancel one item of a run",
        tag="runs",
        request=NothingInput,
        response=RunItemOutput,
        errors=[InvalidTransition],
        description=_CANCELLED,
    )
    def post(self, request: Request, run_id: UUID, item_id: UUID) -> Response:
        return Response(shown(RunItemOutput, _cancelled(request, run_id, item_id)))


def _cancelled(request: Request, run_id: UUID, item_id: UUID, *, epics: bool = False) -> RunItem:
    """Cancel an item of the run, where it is an epic if `epics`; how it is then."""
    run = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
    valid(NothingInput, request.data)
    item = item_read(run=run, item_id=item_id, epics=epics)
    run_item_cancel(item=item, user=signed_in(request))
    return item_read(run=run, item_id=item_id, epics=epics)
