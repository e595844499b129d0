"""Runs over REST: starting and reading. Each method checks who asks, calls one service, reads."""

from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api import (
    PageResponse,
    operation,
    page_parameters,
    page_response,
    query_of,
    signed_in,
    valid,
)
from batchgen.errors import (
    InvalidTransition,
    ItemAlreadyActive,
    NotFound,
    QuotaReached,
    RunAlreadyActive,
    VersionConflict,
)
from batchgen.inputs import NothingInput
from batchgen.output import shown, shown_all
from batchgen.paging import MAX_LIMIT, fitting, keys_of, page_of
from epics.access import Role, project_for
from runs import selectors
from runs.controls import run_change, run_control, run_epic_cancel, run_retry
from runs.eta import duration_text
from runs.log import log_after
from runs.models import Run
from runs.progress import RunProgress
from runs.queue import queue_status
from runs.serializers import (
    RUN_ORDERS,
    ControlOutput,
    EffectiveRunOutput,
    LogQuery,
    ProgressOutput,
    QueueStatusOutput,
    RetryInput,
    RetryOutput,
    RunActionOutput,
    RunChangeInput,
    RunEpicOutput,
    RunEpicsQuery,
    RunInput,
    RunLogOutput,
    RunOutput,
    RunQuery,
    RunsQuery,
    RunStartedOutput,
    run_json,
)
from runs.services import RunOptions, left_out_text, run_start

_EPIC_KEYS = ("order", "id")


class ProjectRunsView(APIView):
    @operation(
        "runStart",
        "Start a run",
        tag="runs",
        request=RunInput,
        response=RunStartedOutput,
        status=202,
        creates=partial(project_for, role=Role.EDITOR),
        errors=[RunAlreadyActive, ItemAlreadyActive, QuotaReached],
        description=(
            "Answers at once; workers do the run. At most one run of a type other than "
            "GENERATE_STORIES is active in a project: 409 RUN_ALREADY_ACTIVE names it in "
            "`details.runId`. An epic is open in one run at a time, until that run is over: where "
            "`epicIds` names one, 409 ITEM_ALREADY_ACTIVE names the runs by the epics' codes; "
            "where it is null, open ones are left out, with a warning, and the 409 comes where "
            "none is left. 400 where there is no epic to process."
        ),
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        project = project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
        options = RunOptions(**valid(RunInput, request.data))
        started = run_start(project=project, user=signed_in(request), options=options)
        run = selectors.run_read(run_id=started.pk)
        expected_ms = selectors.run_expected_ms(run=run)
        output = {
            **run_json(RunProgress.of(run)),
            "estimatedDurationMs": expected_ms,
            "warnings": [*_many_epics(run, expected_ms), *_left_out(run)],
        }
        return Response(output, status=202)


class RunsView(APIView):
    @operation(
        "runList",
        "List runs, the newest first",
        tag="runs",
        query=[RunsQuery],
        response=RunOutput,
        page=True,
    )
    def get(self, request: Request) -> Response:
        query = query_of(request, RunsQuery)
        runs = selectors.runs_list(
            user=request.user,
            project_id=query.get("project"),
            status=query.get("status"),
            type=query.get("type"),
        )
        keys = keys_of(query["order"], RUN_ORDERS)
        found, page = page_of(runs, keys=keys, query=request.query_params)
        return PageResponse([run_json(RunProgress.of(run)) for run in found], page)


class RunView(APIView):
    @operation(
        "runRead",
        "Read a run",
        tag="runs",
        query=[RunQuery],
        response=EffectiveRunOutput,
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_for(user=request.user, run_id=run_id)
        if query_of(request, RunQuery)["effective"]:
            return Response(shown(EffectiveRunOutput, selectors.run_effective(run=run)))
        return Response(run_json(RunProgress.of(run)))

    @operation(
        "runChange",
        "Change a run's priority or lanes",
        tag="runs",
        request=RunChangeInput,
        response=RunOutput,
        errors=[VersionConflict, InvalidTransition, QuotaReached],
        description="Takes effect from the next dispatched epic. A final run: 409.",
    )
    def patch(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_for(user=request.user, run_id=run_id, role=Role.EDITOR)
        changes = {"priority": None, "max_concurrency": None, **valid(RunChangeInput, request.data)}
        run_change(run=run, user=signed_in(request), **changes)
        return Response(run_json(RunProgress.of(selectors.run_read(run_id=run_id))))


def control_view(action: str, *, name: str) -> type[APIView]:
    """The view of pause, resume or cancel, with an operationId of its own."""

    class RunControlView(APIView):
        @operation(
            name,
            f"{action.capitalize()} a run",
            tag="runs",
            request=NothingInput,
            response=ControlOutput,
            errors=[InvalidTransition],
            description=(
                "After a pause or a cancel no provider call starts but those that `inFlight` "
                "counts; they finish and are kept. Of equal requests at the same time one gets "
                "200, the others 409 INVALID_TRANSITION."
            ),
        )
        def post(self, request: Request, run_id: UUID) -> Response:
            run = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
            valid(NothingInput, request.data)
            moved = run_control(run=run, action=action, user=signed_in(request))
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
        creates=partial(selectors.run_plain, role=Role.EDITOR),
        errors=[InvalidTransition, RunAlreadyActive, ItemAlreadyActive, QuotaReached],
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
        options = valid(RetryInput, request.data)
        retry = run_retry(
            run=run, user=signed_in(request), include_pending=options["includePending"]
        )
        return Response(shown(RetryOutput, retry), status=202)


class RunEpicCancelView(APIView):
    @operation(
        "runEpicCancel",
        "Cancel one epic of a run",
        tag="runs",
        request=NothingInput,
        response=RunEpicOutput,
        errors=[InvalidTransition],
        description=(
            "One that waits is CANCELLED at once. One that is generated is within a second: "
            "its call is aborted; it may still finish first."
        ),
    )
    def post(self, request: Request, run_id: UUID, run_epic_id: UUID) -> Response:
        run = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
        valid(NothingInput, request.data)
        run_epic = selectors.run_epics(run=run).filter(pk=run_epic_id).first()
        if run_epic is None:
            raise NotFound
        run_epic_cancel(run_epic=run_epic, user=signed_in(request))
        return Response(shown(RunEpicOutput, selectors.run_epics(run=run).get(pk=run_epic_id)))


class RunActionsView(APIView):
    @operation(
        "runActionList",
        "Read who did what to a run, the latest first",
        tag="runs",
        response=RunActionOutput,
        page=True,
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_plain(user=request.user, run_id=run_id)
        query_of(request)
        return page_response(request, run.actions.all(), keys=("-id",), serializer=RunActionOutput)


class RunProgressView(APIView):
    @extend_schema(extensions={"x-page": True})
    @operation(
        "runProgress",
        "Read a run with its epics",
        tag="runs",
        query=page_parameters(MAX_LIMIT),
        response=ProgressOutput,
        description=f"The first {MAX_LIMIT} epics; `page.next` leads to the next ones.",
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_for(user=request.user, run_id=run_id)
        query_of(request)
        epics, page = page_of(
            selectors.run_epics(run=run), keys=_EPIC_KEYS, query=_many(request.query_params)
        )
        output = {
            **run_json(RunProgress.of(run)),
            "epics": shown_all(RunEpicOutput, epics),
        }
        return PageResponse(output, page)


class RunEpicsView(APIView):
    @operation(
        "runEpicList",
        "List a run's epics in their order",
        tag="runs",
        query=[RunEpicsQuery],
        response=RunEpicOutput,
        page=True,
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_for(user=request.user, run_id=run_id)
        query = query_of(request, RunEpicsQuery)
        if query["effective"]:
            run_ids = selectors.run_lineage(run=run)
            epics = selectors.run_epics_effective(run_ids=run_ids)
        else:
            epics = selectors.run_epics(run=run)
        if "status" in query:
            epics = epics.filter(status=query["status"])
        return page_response(request, epics, keys=_EPIC_KEYS, serializer=RunEpicOutput)


class RunLogsView(APIView):
    @operation(
        "runLog",
        "Read a run's log",
        tag="runs",
        query=[LogQuery],
        response=RunLogOutput(many=True),
        description="In order; a later call never finds a line between those of an earlier one.",
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_for(user=request.user, run_id=run_id)
        query = query_of(request, LogQuery)
        after, limit = query.get("cursor", query.get("after", 0)), query["limit"]
        rows = log_after(run_id=run.pk, seq=after, limit=limit + 1)
        limit = fitting(rows, limit)
        lines = list(rows[: limit + 1])
        more, lines = len(lines) > limit, lines[:limit]
        page = {"next": str(lines[-1].seq) if more else None, "previous": None}
        return PageResponse(shown_all(RunLogOutput, lines), page)


class QueueStatusView(APIView):
    @operation(
        "queueStatus",
        "Read the state of the queue",
        tag="queue",
        response=QueueStatusOutput,
        description="Of everything for staff; of the caller's own projects for others.",
    )
    def get(self, request: Request) -> Response:
        return Response(shown(QueueStatusOutput, queue_status(user=request.user)))


def _left_out(run: Run) -> list[dict[str, Any]]:
    left_out = selectors.epics_left_out(run=run)
    if not left_out:
        return []
    message = left_out_text(left_out)
    return [{"code": "EPICS_LEFT_OUT", "message": message, "details": left_out}]


def _many_epics(run: Run, expected_ms: int) -> list[dict[str, Any]]:
    if run.total_epics <= settings.MANY_EPICS:
        return []
    return [
        {
            "code": "MANY_EPICS",
            "message": (
                f"{run.total_epics} epics in {run.max_concurrency} lanes may take about "
                f"{duration_text(expected_ms)}. A higher maxConcurrency or a faster "
                "pacingProfile shortens it."
            ),
            "expectedDurationMs": expected_ms,
        }
    ]


def _many(query: QueryDict) -> QueryDict:
    """The query with the longest page where it names none."""
    longest = query.copy()
    longest.setdefault("limit", str(MAX_LIMIT))
    return longest
