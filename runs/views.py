"""Runs over REST: starting and reading. Each method checks who asks, calls one service, reads."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api import PageResponse, operation, page_response, signed_in, valid
from batchgen.paging import MAX_LIMIT, page_of
from epics.access import Role, project_for
from runs import selectors
from runs.eta import duration_text
from runs.log import log_after
from runs.models import Run
from runs.progress import RunProgress
from runs.serializers import (
    LogQuery,
    ProgressOutput,
    RunEpicOutput,
    RunInput,
    RunLogOutput,
    RunOutput,
    RunsQuery,
    RunStartedOutput,
    run_json,
)
from runs.services import RunOptions, run_start

_EPIC_KEYS = ("order", "id")


class ProjectRunsView(APIView):
    @operation(
        "runStart",
        "Start a run",
        tag="runs",
        request=RunInput,
        response=RunStartedOutput,
        status=202,
        description=(
            "Answers at once; workers do the run. At most one run of a type is active in a "
            "project: 409 RUN_ALREADY_ACTIVE names it in `details.runId`. 400 where there is no "
            "epic to process."
        ),
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        project = project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
        options = RunOptions(**valid(RunInput, request.data))
        started = run_start(project=project, user=signed_in(request), options=options)
        run = selectors.run_read(run_id=started.pk)
        output = {**run_json(RunProgress.of(run)), "warnings": _warnings(run)}
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
        query = valid(RunsQuery, request.query_params.dict())
        runs = selectors.runs_list(
            user=request.user,
            project_id=query.get("project"),
            status=query.get("status"),
            type=query.get("type"),
        )
        found, page = page_of(runs, keys=("-created_at", "-id"), query=request.query_params)
        return PageResponse([run_json(RunProgress.of(run)) for run in found], page)


class RunView(APIView):
    @operation("runRead", "Read a run", tag="runs", response=RunOutput)
    def get(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_for(user=request.user, run_id=run_id)
        return Response(run_json(RunProgress.of(run)))


class RunProgressView(APIView):
    @extend_schema(extensions={"x-page": True})
    @operation(
        "runProgress",
        "Read a run with its epics",
        tag="runs",
        query=[OpenApiParameter("limit", OpenApiTypes.INT), OpenApiParameter("cursor")],
        response=ProgressOutput,
        description=f"The first {MAX_LIMIT} epics; `page.next` leads to the next ones.",
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_for(user=request.user, run_id=run_id)
        epics, page = page_of(
            selectors.run_epics(run=run), keys=_EPIC_KEYS, query=_many(request.query_params)
        )
        output = {
            **run_json(RunProgress.of(run)),
            "epics": RunEpicOutput(epics, many=True).data,
        }
        return PageResponse(output, page)


class RunEpicsView(APIView):
    @operation(
        "runEpicList",
        "List a run's epics in their order",
        tag="runs",
        response=RunEpicOutput,
        page=True,
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_for(user=request.user, run_id=run_id)
        epics = selectors.run_epics(run=run)
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
        query = valid(LogQuery, request.query_params.dict())
        after, limit = query.get("cursor", query.get("after", 0)), query["limit"]
        lines = list(log_after(run_id=run.pk, seq=after, limit=limit + 1))
        more, lines = len(lines) > limit, lines[:limit]
        page = {"next": str(lines[-1].seq) if more else None, "previous": None}
        return PageResponse(RunLogOutput(lines, many=True).data, page)


def _warnings(run: Run) -> list[dict[str, Any]]:
    if run.total_epics <= settings.MANY_EPICS:
        return []
    expected_ms = selectors.run_expected_ms(run=run)
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
