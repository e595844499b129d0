"""Quotes over REST."""

from functools import partial
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import operation, signed_in, valid
from batchgen.api.output import shown
from batchgen.errors import ItemAlreadyActive
from epics.access import Role, project_for, role_now
from runs.api.quote_json import QuoteInput, QuoteOutput
from runs.engine.start import RunOptions
from runs.quotes.quoting import quote_make


class ProjectQuotesView(APIView):
    @operation(
        "quoteMake",
        "Say what a start would cost and take",
        tag="runs",
        request=QuoteInput,
        response=QuoteOutput,
        status=201,
        creates=partial(role_now, role=Role.EDITOR),
        errors=[ItemAlreadyActive],
        description=(
            "The body of a start, checked as there; nothing is spent, and nothing begins. The "
            "real prompts are rendered; what answers take is learned from earlier runs of the "
            "kind, with the same model and prompts where there are any (`calibrated`). A start "
            "may name the quote until `validUntil`, with the same body, whatever its `lane`; the "
            "run keeps it, and shows it beside its bill."
        ),
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        project = project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
        options = RunOptions(**valid(QuoteInput, request.data))
        quote = quote_make(project=project, user=signed_in(request), options=options)
        return Response(shown(QuoteOutput, quote), status=201)
