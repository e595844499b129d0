"""Pages and their run at once over REST, in the words of content teams: a batch of jobs."""

from collections.abc import Mapping
from uuid import UUID

from django.contrib.auth.models import User
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import operation, query_of, signed_in, valid
from batchgen.api.output import shown
from batchgen.errors import (
    BudgetReached,
    ItemAlreadyActive,
    NotFound,
    PriceUnknown,
    QuotaReached,
)
from content.pages.bulk import pages_held, pages_put
from epics.access import Role, project_for, role_now
from runs.api.batch_json import (
    BatchInput,
    BatchOutput,
    BatchProject,
    BatchStartedOutput,
    JobOutput,
)
from runs.engine.start import RunOptions, run_start
from runs.reads import selectors
from runs.reads.jobs import job_for, job_ids
from runs.reads.progress import RunProgress


def edits(*, user: User, data: Mapping[str, str]) -> None:
    """Return where the user may edit the project of an answer; else raise as `role_now`."""
    role_now(user=user, project_id=UUID(data["projectId"]), role=Role.EDITOR)


class BatchesView(APIView):
    takes_backlogs = True

    @operation(
        "batchStart",
        "Make pages and start the run that writes them",
        tag="pages",
        request=BatchInput,
        response=BatchStartedOutput,
        status=202,
        creates=edits,
        makes_place=True,
        errors=[PriceUnknown, NotFound, ItemAlreadyActive, QuotaReached, BudgetReached],
        description=(
            "All or nothing: the pages are stored and the run begins together. For more pages "
            "than one request takes, import them and start a run of type GENERATE_PAGES. A page "
            "that another run is at: 409 ITEM_ALREADY_ACTIVE. One that the run keeps, edited or "
            "approved, is a job that ends without a new content."
        ),
    )
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        project_id = valid(BatchProject, request.data)["project_id"]
        project = project_for(user=user, project_id=project_id, role=Role.EDITOR)
        asked = valid(BatchInput, request.data)
        with pages_held(project_id=project_id, user=user):
            put = pages_put(project_id=project_id, user=user, rows=asked["pages"])
            options = RunOptions(**asked["run"] | {"target_ids": put.page_ids})
            run = run_start(project=project, user=user, options=options)
        output = {
            "batchId": run.pk,
            "projectId": project_id,
            "jobIds": job_ids(run=run, page_ids=put.page_ids),
            "total": len(put.page_ids),
            "created": put.created,
            "updated": put.updated,
        }
        return Response(shown(BatchStartedOutput, output), status=202)


class BatchView(APIView):
    @operation("batchRead", "Read a batch", tag="pages", response=BatchOutput)
    def get(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_for(user=request.user, run_id=run_id)
        query_of(request)
        return Response(shown(BatchOutput, RunProgress.of(run)))


class JobView(APIView):
    @operation("jobRead", "Read a job of a batch", tag="pages", response=JobOutput)
    def get(self, request: Request, job_id: UUID) -> Response:
        item = job_for(user=request.user, item_id=job_id)
        query_of(request)
        return Response(shown(JobOutput, item))
