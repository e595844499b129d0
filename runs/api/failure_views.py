"""What failed in a run, over REST."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import operation, query_of
from batchgen.api.output import shown_all
from runs.api.run_parts import EmptyAsNull
from runs.reads.failures import MOST_IDS, run_failures
from runs.reads.selectors import run_plain


class RunFailureOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField(
        help_text="What the items' messages have in common; what differs is shown as an ellipsis."
    )
    count = serializers.IntegerField()
    firstSeenAt = serializers.DateTimeField(source="first_at")
    lastSeenAt = serializers.DateTimeField(source="last_at")
    advice = EmptyAsNull(help_text="What to do about it; null where the message says it.")
    itemIds = serializers.ListField(
        child=serializers.UUIDField(), source="item_ids", help_text=f"The first {MOST_IDS}."
    )


class RunErrorsView(APIView):
    @operation(
        "runErrorList",
        "Read what failed in a run, by error",
        tag="runs",
        response=RunFailureOutput(many=True),
        description=(
            "The most frequent first. `retry-failed` takes the codes as `errorCodes`, and then "
            "retries these alone."
        ),
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = run_plain(user=request.user, run_id=run_id)
        query_of(request)
        return Response(shown_all(RunFailureOutput, run_failures(run=run)))
