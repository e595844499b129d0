"""Reading runs over REST: each method checks who asks, and shows what a selector found."""

from uuid import UUID

from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import (
    PageResponse,
    operation,
    page_parameters,
    page_response,
    query_of,
    signed_in,
    valid,
)
from batchgen.api.output import shown, shown_all
from batchgen.api.paging import MAX_LIMIT, fitting, keys_of, page_of
from batchgen.errors import InvalidTransition, PriceUnknown, QuotaReached, VersionConflict
from epics.access import Role
from runs.api.action_output import RunActionOutput
from runs.api.item_output import ProgressOutput, RunEpicOutput
from runs.api.queue_json import QueueStatusOutput
from runs.api.run_input import (
    RUN_ORDERS,
    LogQuery,
    RunChangeInput,
    RunEpicsQuery,
    RunQuery,
    RunsQuery,
)
from runs.api.run_output import (
    EffectiveRunOutput,
    RunLogOutput,
    RunOutput,
    run_json,
)
from runs.engine.controls import run_change
from runs.reads import lineage, selectors
from runs.reads.items import items_list
from runs.reads.log import log_after
from runs.reads.progress import RunProgress
from runs.reads.queue import queue_status
from runs.reads.run_list import runs_list

_EPIC_KEYS = ("order", "id")


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
        runs = runs_list(
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
            return Response(shown(EffectiveRunOutput, lineage.run_effective(run=run)))
        return Response(run_json(RunProgress.of(run)))

    @operation(
        "runChange",
        "Change a run's priority, lanes or budget",
        tag="runs",
        request=RunChangeInput,
        response=RunOutput,
        errors=[VersionConflict, InvalidTransition, QuotaReached, PriceUnknown],
        description="Takes effect from the next dispatched item. A final run: 409.",
    )
    def patch(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
        run_change(run=run, user=signed_in(request), **valid(RunChangeInput, request.data))
        return Response(run_json(RunProgress.of(selectors.run_read(run_id=run_id))))


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
        actions = selectors.run_actions(run=run)
        return page_response(request, actions, keys=("-id",), serializer=RunActionOutput)


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
            items_list(run=run, epics=True), keys=_EPIC_KEYS, query=_many(request.query_params)
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
        run = selectors.run_plain(user=request.user, run_id=run_id)
        query = query_of(request, RunEpicsQuery)
        read = lineage.items_effective if query["effective"] else items_list
        epics = read(run=run, epics=True, status=query.get("status"))
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
        run = selectors.run_plain(user=request.user, run_id=run_id)
        query = query_of(request, LogQuery)
        after, limit = query.get("cursor", query.get("after", 0)), query["limit"]
        rows = log_after(run_id=run.pk, seq=after)
        limit = fitting(rows, limit)
        lines = list(rows.limited(limit + 1))
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


def _many(query: QueryDict) -> QueryDict:
    """The query with the longest page where it names none."""
    longest = query.copy()
    longest.setdefault("limit", str(MAX_LIMIT))
    return longest
