"""What the API and live events show of an item of a run."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from batchgen.api.output import shown
from content.registry import kind_named
from runs.api.run_output import RunOutput
from runs.api.run_parts import EmptyAsNull, UsageOutput
from runs.models import RunEpic, RunItem
from runs.reads.items import duration_ms, remaining_ms, stage_percent, waiting_of
from runs.states import ItemStage, ItemStatus


class WaitingOutput(serializers.Serializer[Any]):
    reason = serializers.CharField(
        help_text=(
            "`run-paused`; `pacing`: its profile's delay; `permit-requests`, `permit-input`, "
            "`permit-output`, `permit-concurrency`: the limit that is used up; `gate-closed`: the "
            "provider refused calls; `turn`: others come first; `cache`: the first call with this "
            "project's text is under way; `budget`: calls under way hold the rest of it; "
            "`limiter-away`; `rate-limit`; `backoff`; `stopped`; "
            "`batch`: it is asked by the provider's batches."
        )
    )
    untilAt = serializers.DateTimeField(source="until_at", allow_null=True)


#: What items can be ordered by: {name in the query: the keys}.
ITEM_ORDERS = {"order": ("order", "id"), "completedAt": ("completed_at", "id")}
#: What is shown of every item, whatever it is of.
_SHARED = (
    "runId",
    "order",
    "status",
    "stage",
    "stagePercent",
    "stageMs",
    "skippedStages",
    "notes",
    "estimatedRemainingMs",
    "attempt",
)
_ENDED = (
    "usage",
    "errorCode",
    "error",
    "waiting",
    "startedAt",
    "completedAt",
    "durationMs",
)


class _AnyItemOutput(serializers.ModelSerializer[RunItem]):
    runId = serializers.UUIDField(source="run_id")
    status = serializers.ChoiceField(ItemStatus.choices)
    stage = serializers.SerializerMethodField()
    stagePercent = serializers.SerializerMethodField(
        help_text=(
            "How far its attempt is, by its stages and, within a call, by what such calls took of "
            "late; 100 once completed, and where it stopped once failed."
        )
    )
    stageMs = serializers.DictField(
        child=serializers.IntegerField(),
        source="stage_ms",
        help_text=(
            "What each stage of its last attempt took, in ms; of one under way those that are "
            "over. `storage` has none: its time is the database's."
        ),
    )
    skippedStages = serializers.ListField(
        child=serializers.ChoiceField(ItemStage.choices), source="skipped_stages"
    )
    notes = serializers.ListField(
        child=serializers.CharField(),
        help_text="What a reader of the result should know, e.g. what was shortened or merged.",
    )
    estimatedRemainingMs = serializers.SerializerMethodField(
        help_text=(
            "What is left of a call that is under way, by what such calls of its worker took of "
            "late; else null."
        )
    )
    usage = UsageOutput(source="*")
    errorCode = EmptyAsNull(source="error_code")
    error = EmptyAsNull()
    waiting = serializers.SerializerMethodField()
    startedAt = serializers.DateTimeField(source="started_at", allow_null=True)
    completedAt = serializers.DateTimeField(source="completed_at", allow_null=True)
    durationMs = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(ItemStage.choices, allow_null=True))
    def get_stage(self, item: RunItem) -> str | None:
        return item.stage or None

    def get_stagePercent(self, item: RunItem) -> int:  # noqa: N802  # get_ + the field's name
        return stage_percent(item)

    def get_estimatedRemainingMs(self, item: RunItem) -> int | None:  # noqa: N802  # as above
        return remaining_ms(item)

    @extend_schema_field(WaitingOutput(allow_null=True))
    def get_waiting(self, item: RunItem) -> dict[str, Any] | None:
        waiting = waiting_of(item)
        return shown(WaitingOutput, waiting) if waiting else None

    def get_durationMs(self, item: RunItem) -> int | None:  # noqa: N802  # as above
        return duration_ms(item)


# A row of `runs.reads.items.items_list`, an epic.
class RunEpicOutput(_AnyItemOutput):
    runEpicId = serializers.UUIDField(source="id")
    epicId = serializers.UUIDField(
        source="target_id", allow_null=True, help_text="Null once the epic was deleted."
    )
    epicCode = serializers.CharField(source="code")
    epicTitle = serializers.CharField(source="title")
    storiesCreated = serializers.IntegerField(source="created")
    storiesKept = serializers.IntegerField(
        source="kept", help_text="Not replaced, as they were edited or approved."
    )

    class Meta:
        model = RunEpic
        fields = (
            "runEpicId",
            "epicId",
            "epicCode",
            "epicTitle",
            *_SHARED,
            "storiesCreated",
            "storiesKept",
            *_ENDED,
        )
        read_only_fields = fields


# A row of `runs.reads.items.items_list`.
class RunItemOutput(_AnyItemOutput):
    itemId = serializers.UUIDField(source="id")
    kind = serializers.SerializerMethodField(help_text="What it is: `epic`, `story`, `page` ...")
    targetId = serializers.UUIDField(
        source="target_id", allow_null=True, help_text="Null once what it is of was deleted."
    )
    priority = serializers.IntegerField(
        help_text=(
            "0 to 10: what is highest goes first, of equals the one that comes first by `order`. "
            "An attempt that failed and is tried again lowers it by 1."
        )
    )
    assigned = serializers.SerializerMethodField(
        help_text="A lane has it already: it starts before those that no lane has."
    )
    created = serializers.IntegerField(help_text="How much it made.")
    kept = serializers.IntegerField(
        help_text="What was there and was not replaced, as it was edited or approved."
    )

    class Meta:
        model = RunItem
        fields = (
            "itemId",
            "kind",
            "targetId",
            "code",
            "title",
            "priority",
            "assigned",
            *_SHARED,
            "created",
            "kept",
            *_ENDED,
        )
        read_only_fields = fields

    def get_kind(self, item: RunItem) -> str:
        return kind_named(item.kind).item_kind

    def get_assigned(self, item: RunItem) -> bool:
        return item.status == ItemStatus.PENDING and item.lane_id is not None


class ProgressOutput(RunOutput):
    epics = RunEpicOutput(many=True)
