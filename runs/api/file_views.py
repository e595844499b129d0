"""The file that a run made."""

from typing import NoReturn
from uuid import UUID

from django.conf import settings
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from batchgen.api.downloads import file_answer
from batchgen.api.negotiation import AnyAccept
from batchgen.api.openapi_errors import ERRORS
from batchgen.api.operations import query_of
from batchgen.db.pools import connection_give_back
from batchgen.errors import InvalidTransition, NotFound, Unavailable
from content.kind import MakesFiles
from content.registry import kind_started_by
from runs.models import Run
from runs.reads import selectors
from runs.states import ACTIVE, RunStatus

_ELSEWHERE = (
    "The file is not where this server looks for it. Whoever runs it: web and workers need one "
    "BATCHGEN_EXPORT_DIR, a shared folder where they are on several hosts, or "
    "BATCHGEN_EXPORT_S3_URL."
)


class RunFileView(APIView):
    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="runFile",
        summary="Fetch the file that a run made",
        description=(
            "The file of a run of type EXPORT, without the envelope, for whoever may read the "
            "project. 409 while the run is not over; 404 when the file is kept no longer "
            "(BATCHGEN_EXPORT_KEEP_S), and of a run that makes none."
        ),
        tags=["runs"],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        extensions={"x-no-envelope": True, ERRORS: [InvalidTransition.code]},
    )
    def get(self, request: Request, run_id: UUID) -> HttpResponseBase:
        run = selectors.run_plain(user=request.user, run_id=run_id)
        query_of(request)
        kind = kind_started_by(run.type)
        if not isinstance(kind, MakesFiles):
            raise NotFound(f"A run of type {run.type} makes no file.")
        made = kind.file_of(run.pk)
        if made is None:
            _refuse(run)
        connection_give_back()  # a storage may be slow
        opened = made.open()
        if opened is None:
            raise Unavailable(_ELSEWHERE)
        response = file_answer(
            request._request,
            opened,
            length=made.size,
            name=made.name,
            content_type=made.media_type,
        )
        response["ETag"] = f'"{made.sha256}"'
        return response


def _refuse(run: Run) -> NoReturn:
    """There is no file of the run.

    Raises:
        InvalidTransition: not yet.
        NotFound: not any more, or never.
    """
    if run.status in ACTIVE:
        raise InvalidTransition(
            f"The file is not there yet: the run is {run.status}. Fetch it once it has SUCCEEDED."
        )
    if run.status == RunStatus.SUCCEEDED:
        days = settings.EXPORT_KEEP_S / 86_400
        raise NotFound(
            f"The file is not kept any more; files are deleted {days:g} days after they were made "
            "(BATCHGEN_EXPORT_KEEP_S). Start another export."
        )
    raise NotFound(f"The run made no file: it is {run.status}. Start another export.")
