"""Import and export of a whole backlog over REST."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.downloads import download
from batchgen.api.negotiation import AnyAccept
from batchgen.api.operations import operation, query_of, signed_in
from batchgen.api.output import shown
from batchgen.errors import QuotaReached, ValidationFailed
from batchgen.http.throttle import one_at_a_time
from epics import selectors
from epics.access import project_for, sees
from epics.api.filters import ExportQuery
from epics.api.serializers import ImportCounts, ImportOutput
from epics.files.backlog_document import Backlog
from epics.files.backlog_export import FORMATS, Format, export_name
from epics.files.backlog_import import backlog_import
from epics.files.document_consistency import code_warnings
from epics.models import Project


class ImportView(APIView):
    takes_backlogs = True

    @operation(
        "projectImport",
        "Import a backlog as a new project",
        tag="projects",
        request=Backlog,
        response=ImportOutput,
        status=201,
        creates=sees,
        makes_place=True,
        errors=[QuotaReached],
        description=(
            "All or nothing. Every problem is told with its path, up to 50 at a time. One import "
            "at a time of a user: 429 while another is at work."
        ),
    )
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        with one_at_a_time(user.pk, "import"):
            imported = backlog_import(user=user, document=request.data)
        project = selectors.project_read(project_id=imported.pk)
        output: dict[str, Any] = {
            "projectId": project.pk,
            "cardCount": vars(project)["card_count"],
            "epicCount": vars(project)["epic_count"],
        }
        warnings = code_warnings(request.data)
        if warnings:
            output["warnings"] = warnings
        return Response(shown(ImportOutput if warnings else ImportCounts, output), status=201)


class ExportView(APIView):
    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="projectExport",
        summary="Export a project's backlog with its stories",
        description=(
            "A file, without the envelope: `json` imports again unchanged; `csv` has a row for "
            "each story; `jira`, `azure` and `linear` are for the CSV importers of these "
            "trackers; `github` has a line for each issue to create; `gherkin` is a ZIP of "
            "`.feature` files; `markdown` is for people. For large projects start a run of type "
            "EXPORT."
        ),
        tags=["projects"],
        parameters=[ExportQuery],
        responses={
            (200, "application/json"): Backlog,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "text/markdown"): OpenApiTypes.STR,
            (200, "application/jsonl"): OpenApiTypes.STR,
            (200, "application/zip"): OpenApiTypes.BINARY,
        },
        extensions={"x-no-envelope": True},
    )
    def get(self, request: Request, project_id: UUID) -> HttpResponseBase:
        project = project_for(user=request.user, project_id=project_id)
        query = query_of(request, ExportQuery)
        return exported(request, project, query=query, formats=FORMATS)


def exported(
    request: Request, project: Project, *, query: Mapping[str, Any], formats: Mapping[str, Format]
) -> HttpResponseBase:
    """The file that `format` and `bom` of a query ask for.

    Raises:
        ValidationFailed: a byte order mark is asked for where the format cannot have one.
    """
    written = formats[query["format"]]
    if query["bom"] and written.mark is None:
        raise ValidationFailed(
            "The format has no byte order mark.", bom=[f"Leave it out for {query['format']}."]
        )
    return download(
        request._request,
        written.parts(project, mark=query["bom"]),
        name=export_name(project, written),
        content_type=written.content_type,
    )
