"""A run's batches at the provider, over REST."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import operation, page_response, query_of
from runs.models import ProviderBatch
from runs.reads.batches import run_batches
from runs.reads.selectors import run_plain
from runs.states import BatchState

#: So long the provider keeps results, from a batch's creation.
_KEPT = timedelta(days=29)


class BatchRequestsOutput(serializers.Serializer[Any]):
    processing = serializers.IntegerField(help_text="All of them until the batch has ended.")
    succeeded = serializers.IntegerField()
    errored = serializers.IntegerField()
    canceled = serializers.IntegerField()
    expired = serializers.IntegerField()


class ProviderBatchOutput(serializers.Serializer[ProviderBatch]):
    batchId = serializers.UUIDField(source="id")
    providerBatchId = serializers.CharField(
        source="provider_batch_id", allow_null=True, help_text="Null until it is known."
    )
    status = serializers.ChoiceField(
        [state for state in BatchState if state != BatchState.REFUSED],
        source="state",
        help_text=(
            "creating: handed in, and the provider has not said so yet; open; canceling; ended: "
            "its results are being read; collected: each request has its outcome; lost: the "
            "provider does not know it, and its requests are asked again."
        ),
    )
    requests = BatchRequestsOutput(source="*")
    createdAt = serializers.DateTimeField(source="intent_at")
    endedAt = serializers.DateTimeField(source="ended_at", allow_null=True)
    resultsUntil = serializers.SerializerMethodField(
        help_text="The provider keeps results so long; nothing needs them once it is collected."
    )

    def get_resultsUntil(self, batch: ProviderBatch) -> datetime | None:  # noqa: N802  # get_ + the field's name
        return batch.created_at + _KEPT if batch.created_at else None


class RunBatchesView(APIView):
    @operation(
        "runBatchList",
        "List the provider's batches that a run's requests go by",
        tag="runs",
        response=ProviderBatchOutput,
        page=True,
        description="In the order in which they were handed in; of runs in realtime none.",
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = run_plain(user=request.user, run_id=run_id)
        query_of(request)
        return page_response(
            request, run_batches(run=run), keys=("id",), serializer=ProviderBatchOutput
        )
