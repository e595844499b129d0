"""Import and export of a project's pages over REST."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.negotiation import AnyAccept
from batchgen.api.operations import StrictJSONParser, operation, query_of, signed_in
from batchgen.api.output import shown
from batchgen.errors import PayloadTooLarge, QuotaReached, ValidationFailed
from batchgen.http.throttle import one_at_a_time
from content.pages.api.serializers import PagesExportQuery, PagesImportOutput
from content.pages.bulk import pages_held, pages_put
from content.pages.files.page_csv import PageRows, pages_of
from content.pages.files.page_document import PagesDocument, pages_parse
from content.pages.files.page_export import FORMATS
from epics.access import Role, project_for, role_now
from epics.api.transfer_views import exported
from epics.files.file_text import UndecodableFile, decode_text


class CSVText(dict[str, str]):
    """What the parser below makes of a body: `{"csv": text}`."""


class CSVParser(BaseParser):
    """A body of text in whatever encoding a spreadsheet wrote it."""

    media_type = "text/csv"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> CSVText:
        """The text.

        Raises:
            PayloadTooLarge: a body without a true Content-Length turned out too large.
            ValidationFailed: it is no text.
        """
        raw = stream.read(settings.MAX_BODY_BYTES + 1)
        if len(raw) > settings.MAX_BODY_BYTES:
            raise PayloadTooLarge(limitBytes=settings.MAX_BODY_BYTES)
        try:
            return CSVText(csv=decode_text(raw))
        except UndecodableFile as error:
            raise ValidationFailed(f"The body was refused. {error}") from error


class PagesImportView(APIView):
    parser_classes = [StrictJSONParser, CSVParser]
    takes_backlogs = True

    @operation(
        "pageImport",
        "Import a list of pages",
        tag="pages",
        request={
            "application/json": PagesDocument,
            "text/csv": {"type": "string"},
        },
        response=PagesImportOutput,
        status=201,
        creates=partial(role_now, role=Role.EDITOR),
        errors=[QuotaReached],
        description=(
            "All or nothing, at most 10,000 pages. A page whose address the project has already is "
            "changed as far as the list says something of it, but for its content, which only "
            "new pages take. Every problem is told with its path, or its row and column, up to 50 "
            "at a time. CSV: its first row names the columns, `Page type` and `URL` among them; "
            "delimiter and encoding are found out; an empty cell says nothing; a column "
            "`Fact: weight` is a fact. One import at a time of a user: 429 while another is at "
            "work."
        ),
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        user = signed_in(request)
        project_for(user=user, project_id=project_id, role=Role.EDITOR)
        with one_at_a_time(user.pk, "import"):
            pages = _read(request)
            with pages_held(project_id=project_id, user=user):
                put = pages_put(project_id=project_id, user=user, rows=pages.rows)
        output = {
            "projectId": project_id,
            "pageCount": len(pages.rows),
            "created": put.created,
            "updated": put.updated,
            "unchanged": put.unchanged,
            "warnings": pages.warnings,
        }
        return Response(shown(PagesImportOutput, output), status=201)


class PagesExportView(APIView):
    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="pageExport",
        summary="Export a project's pages with their content",
        description=(
            "A file, without the envelope: `json` imports again unchanged; `csv` has a row for "
            "each page; `html` and `markdown` are one document of the pages that have content."
        ),
        tags=["pages"],
        parameters=[PagesExportQuery],
        responses={
            (200, "application/json"): PagesDocument,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "text/html"): OpenApiTypes.STR,
            (200, "text/markdown"): OpenApiTypes.STR,
        },
        extensions={"x-no-envelope": True},
    )
    def get(self, request: Request, project_id: UUID) -> HttpResponseBase:
        project = project_for(user=request.user, project_id=project_id)
        query = query_of(request, PagesExportQuery)
        return exported(request, project, query=query, formats=FORMATS)


def _read(request: Request) -> PageRows:
    if isinstance(request.data, CSVText):
        return pages_of(request.data["csv"])
    return PageRows(rows=pages_parse(request.data), warnings=[])
