"""The JSON of the queue page and of gates, in and out."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from rest_framework import serializers

from batchgen.api.inputs import Moment, StrictSerializer
from content.registry import kind_named
from epics.api.fields import TextField
from runs.gates import REASON_CHARS
from runs.models import RunItem
from runs.reads.items import duration_ms
from runs.reads.queue import MOST_CURRENT, MOST_ENDED
from runs.states import ItemStatus


class CurrentEpicOutput(serializers.Serializer[Any]):
    runEpicId = serializers.UUIDField(source="item_id")
    epicCode = serializers.CharField(source="code")
    since = serializers.DateTimeField()


class WorkerStatusOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    busy = serializers.BooleanField()
    concurrency = serializers.IntegerField()
    current = CurrentEpicOutput(
        many=True,
        help_text=f"Those of its epics that you may see; the {MOST_CURRENT} that began first.",
    )
    lastHeartbeatAt = serializers.DateTimeField(source="last_heartbeat_at")


class EndedItemOutput(serializers.Serializer[Any]):
    itemId = serializers.UUIDField(source="id")
    kind = serializers.SerializerMethodField(help_text="As of items: `epic`, `story`, `page` ...")
    code = serializers.CharField()
    status = serializers.ChoiceField(ItemStatus.choices)
    durationMs = serializers.SerializerMethodField(help_text="Null where it never began.")
    completedAt = serializers.DateTimeField(source="completed_at")

    def get_kind(self, item: RunItem) -> str:
        return kind_named(item.kind).item_kind

    def get_durationMs(self, item: RunItem) -> int | None:  # noqa: N802  # get_ + the field's name
        return duration_ms(item)


class BucketOutput(serializers.Serializer[Any]):
    limitPerMinute = serializers.IntegerField(source="limit_per_minute")
    available = serializers.FloatField(help_text="Below zero: what must refill first.")
    utilization = serializers.FloatField(help_text="The used share of the burst, 0 to 1.")
    timeUntilNextMs = serializers.IntegerField(
        source="time_until_next_ms", help_text="Until a request, or a token, is there."
    )


class LimitsOutput(serializers.Serializer[Any]):
    model = serializers.CharField()
    requests = BucketOutput(source="buckets.requests", allow_null=True, default=None)
    inputTokens = BucketOutput(source="buckets.inputTokens", allow_null=True, default=None)
    outputTokens = BucketOutput(source="buckets.outputTokens", allow_null=True, default=None)
    inFlight = serializers.IntegerField(source="in_flight")
    maxInFlight = serializers.IntegerField(source="slots", allow_null=True)
    closedUntil = serializers.DateTimeField(source="closed_until", allow_null=True)
    closedReason = serializers.CharField(source="closed_reason", allow_null=True)
    timeUntilNextMs = serializers.IntegerField(
        source="time_until_next_ms",
        help_text="Until the limits and the closing let a call start; 0: now.",
    )


class GateCloseInput(StrictSerializer):
    until = Moment(help_text="From now on, within 31 days.")
    reason = TextField(max_length=REASON_CHARS)


class GateOpenInput(StrictSerializer):
    reason = TextField(max_length=REASON_CHARS, required=False, allow_blank=True)


# What a QueueStatus shows.
class QueueStatusOutput(serializers.Serializer[Any]):
    pending = serializers.IntegerField()
    processing = serializers.IntegerField()
    completedLastHour = serializers.IntegerField(source="completed_last_hour")
    failedLastHour = serializers.IntegerField(source="failed_last_hour")
    high = serializers.IntegerField()
    normal = serializers.IntegerField()
    low = serializers.IntegerField()
    total = serializers.IntegerField()
    throughputPerMinute = serializers.FloatField(source="throughput_per_minute")
    maxConcurrency = serializers.IntegerField(source="max_concurrency")
    recentlyCompleted = EndedItemOutput(
        source="recently_completed",
        many=True,
        help_text=f"The {MOST_ENDED} items that ended last within an hour, in whatever way.",
    )
    workers = WorkerStatusOutput(many=True)
    limits = LimitsOutput(many=True)
