"""What a run's health was, over REST."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import operation, query_of
from batchgen.api.output import shown
from runs.api.run_parts import HealthOutput
from runs.health_history import MOST_KEPT, health_history
from runs.reads.progress import RunProgress
from runs.reads.selectors import run_for
from runs.states import HealthVerdict


class HealthPeriodOutput(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(HealthVerdict.choices)
    reason = serializers.CharField(help_text="As it was first noticed.")
    nextAction = serializers.CharField(source="next_action", allow_null=True)
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True, help_text="Null of what is so now.")


class RunHealthOutput(HealthOutput):
    history = HealthPeriodOutput(
        many=True,
        help_text=(
            f"The latest first: what is so now, then up to {MOST_KEPT} times before, each as long "
            "as the verdict and the next action were the same. Workers look every few seconds; "
            "what came and went in between is not in it."
        ),
    )


class RunHealthView(APIView):
    @operation(
        "runHealth",
        "Read a run's health, and what it was",
        tag="runs",
        response=RunHealthOutput,
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        progress = RunProgress.of(run_for(user=request.user, run_id=run_id))
        query_of(request)
        health = progress.health
        return Response(
            shown(
                RunHealthOutput,
                {
                    "verdict": health.verdict,
                    "reason": health.reason,
                    "next_action": health.next_action,
                    "since": health.since,
                    "history": health_history(progress),
                },
            )
        )
