"""The ledger over REST: what calls cost, line by line, as a file, and summed."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.downloads import download
from batchgen.api.inputs import Flag, Id, Moment, QuerySerializer
from batchgen.api.negotiation import AnyAccept
from batchgen.api.operations import operation, page_response, query_of
from batchgen.api.output import UsdOutput, shown_all
from runs.models import LedgerLine
from runs.reads.ledger import MOST_SUMS, SUMMED_BY, ledger_csv, ledger_lines, ledger_sums
from runs.states import CallLane, Certainty

_FROM = "Of calls that began then or later."
_TO = "Of calls that began before."


class SumsQuery(QuerySerializer):
    by = serializers.ChoiceField(list(SUMMED_BY), default="run")
    project = Id(required=False)
    run = Id(required=False)
    certainty = serializers.ChoiceField(Certainty.choices, required=False)

    def get_fields(self) -> dict[str, Any]:
        # `from` is no name in Python.
        return {
            **super().get_fields(),
            "from": Moment(required=False, source="since", help_text=_FROM),
            "to": Moment(required=False, source="until", help_text=_TO),
        }


class LinesQuery(SumsQuery):
    by = None  # type: ignore[assignment]  # not of lines
    format = serializers.ChoiceField(
        ["json", "csv"], required=False, help_text="csv too where `Accept` begins with text/csv."
    )
    corrected = Flag(
        default=False,
        help_text=(
            "With the lines that others correct: then a call has more than one, and `corrects` "
            "says which one is no longer counted."
        ),
    )


class LedgerLineOutput(serializers.ModelSerializer[LedgerLine]):
    lineId = serializers.IntegerField(source="id")
    callId = serializers.UUIDField(source="call_id")
    bookedAt = serializers.DateTimeField(source="booked_at")
    projectId = serializers.UUIDField(source="project_id", allow_null=True)
    runId = serializers.UUIDField(source="run_id", allow_null=True)
    itemId = serializers.UUIDField(source="item_id")
    lane = serializers.ChoiceField(CallLane.choices)
    inputTokens = serializers.IntegerField(
        source="input_tokens", allow_null=True, help_text="Uncached ones; null: unknown."
    )
    cacheReadTokens = serializers.IntegerField(source="cache_read_tokens", allow_null=True)
    cacheWrite5mTokens = serializers.IntegerField(source="cache_write_5m_tokens", allow_null=True)
    cacheWrite1hTokens = serializers.IntegerField(source="cache_write_1h_tokens", allow_null=True)
    outputTokens = serializers.IntegerField(source="output_tokens", allow_null=True)
    costUsd = UsdOutput(
        source="cost_micro_usd",
        allow_null=True,
        help_text=(
            "Where it was possibly billed, the most that it can have cost; null where the model "
            "has no price."
        ),
    )
    certainty = serializers.ChoiceField(
        Certainty.choices,
        help_text=(
            "billed: the provider said what it took. possibly: nobody knows whether, or how much. "
            "unbilled: nothing is taken for such an end."
        ),
    )
    priceDate = serializers.DateField(source="price_date", allow_null=True)
    corrects = serializers.IntegerField(
        allow_null=True, help_text="The `lineId` of an earlier line of the call."
    )

    class Meta:
        model = LedgerLine
        fields = (
            *("lineId", "callId", "at", "bookedAt", "projectId", "runId", "itemId", "model"),
            *("purpose", "lane", "inputTokens", "cacheReadTokens", "cacheWrite5mTokens"),
            *("cacheWrite1hTokens", "outputTokens", "costUsd", "certainty", "priceDate"),
            "corrects",
        )
        read_only_fields = fields


class LedgerSumOutput(serializers.Serializer[Any]):
    key = serializers.CharField(
        allow_null=True, help_text="What it is the sum of: an id, a model, or a day in UTC."
    )
    calls = serializers.IntegerField()
    billedUsd = UsdOutput(source="billed")
    possiblyUsd = UsdOutput(source="possibly")
    unpricedCalls = serializers.IntegerField(
        source="unpriced", help_text="What they cost is unknown, and in no sum."
    )
    cacheSavedUsd = UsdOutput(
        source="cache_saved",
        help_text=(
            "What the same input would have cost more without a cache, by the prices of short "
            "prompts; below 0 where more was written than read."
        ),
    )
    batchSavedUsd = UsdOutput(
        source="batch_saved",
        help_text="What calls in batches would have cost more, each for itself.",
    )
    inputTokens = serializers.IntegerField(source="input_tokens")
    cacheReadTokens = serializers.IntegerField(source="cache_read_tokens")
    cacheWrite5mTokens = serializers.IntegerField(source="cache_write_5m_tokens")
    cacheWrite1hTokens = serializers.IntegerField(source="cache_write_1h_tokens")
    outputTokens = serializers.IntegerField(source="output_tokens")


class LedgerView(APIView):
    content_negotiation_class = AnyAccept

    @extend_schema(
        responses={
            (200, "application/json"): LedgerLineOutput(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
        }
    )
    @operation(
        "ledgerList",
        "Read what calls cost, the latest first",
        tag="money",
        query=[LinesQuery],
        response=LedgerLineOutput,
        page=True,
        description=(
            "One line a call that was made, whatever became of its attempt, in the projects that "
            "the caller may read; for staff of all. Lines are only ever added. `csv` is a file "
            "with all of them, the oldest first, without the envelope."
        ),
    )
    def get(self, request: Request) -> HttpResponseBase:
        query = query_of(request, LinesQuery)
        wanted = query.pop("format", "csv" if _accepts_csv(request) else "json")
        lines = ledger_lines(user=request.user, **query)
        if wanted == "json":
            return page_response(request, lines, keys=("-id",), serializer=LedgerLineOutput)
        return download(
            request._request,
            ledger_csv(lines),
            name="ledger.csv",
            content_type="text/csv; charset=utf-8",
        )


def _accepts_csv(request: Request) -> bool:
    return str(request.META.get("HTTP_ACCEPT", "")).startswith("text/csv")


class LedgerSummaryView(APIView):
    @operation(
        "ledgerSummary",
        "Read what calls cost, summed",
        tag="money",
        query=[SumsQuery],
        response=LedgerSumOutput(many=True),
        description=(
            f"Of days the latest first, of all else the dearest; {MOST_SUMS} sums at most. "
            "Narrow them by `project`, `run`, `from` and `to`."
        ),
    )
    def get(self, request: Request) -> Response:
        query = query_of(request, SumsQuery)
        by = query.pop("by")
        sums = ledger_sums(ledger_lines(user=request.user, **query), by=by)
        for each in sums:
            each["key"] = _key(each["key"])
        return Response(shown_all(LedgerSumOutput, sums))


def _key(value: Any) -> str | None:
    if value is None:
        return None
    return value.date().isoformat() if hasattr(value, "date") else str(value)
