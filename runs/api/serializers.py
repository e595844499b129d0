"""The runs' JSON."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from batchgen.api.inputs import (
    Flag,
    Id,
    ListOf,
    Moment,
    QuerySerializer,
    StrictSerializer,
    WholeNumber,
)
from batchgen.api.output import shown
from batchgen.api.paging import order_choices
from epics.api.serializers import TextField
from epics.bounds import MAX_EPICS
from runs.engine.services import Moved
from runs.gates import REASON_CHARS
from runs.models import RunAction, RunEpic, RunLog
from runs.pacing import MOST_LANES
from runs.reads.progress import RunProgress, duration_ms, remaining_ms, stage_percent, waiting_of
from runs.states import (
    Mode,
    Pacing,
    PersonaSet,
    Priority,
    RunEpicStage,
    RunEpicStatus,
    RunPhase,
    RunStatus,
    RunType,
)


class EmptyAsNull(serializers.CharField):
    """A text that is null where there is none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)

    def to_representation(self, value: Any) -> Any:
        return super().to_representation(value) if value else None


class UsageOutput(serializers.Serializer[Any]):
    inputTokens = serializers.IntegerField(source="input_tokens", help_text="Uncached ones.")
    outputTokens = serializers.IntegerField(source="output_tokens")
    cacheReadTokens = serializers.IntegerField(source="cache_read_tokens")
    cacheWriteTokens = serializers.IntegerField(source="cache_write_tokens")
    costUsd = serializers.DecimalField(source="cost_usd", max_digits=14, decimal_places=4)
    unknownCalls = serializers.IntegerField(
        source="unknown_calls",
        help_text=(
            "Answered calls whose usage the provider did not say; the other numbers are without "
            "them."
        ),
    )


class RunErrorOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class PriorityReasonOutput(serializers.Serializer[Any]):
    factor = serializers.ChoiceField(["size", "impact", "stories", "deadline"])
    points = serializers.IntegerField()
    message = serializers.CharField()


class RangeOutput(serializers.Serializer[Any]):
    lowMs = serializers.IntegerField(source="low_ms")
    highMs = serializers.IntegerField(source="high_ms")


# What a RunProgress shows.
class RunOutput(serializers.Serializer[Any]):
    runId = serializers.UUIDField(source="run.id")
    projectId = serializers.UUIDField(source="run.project_id")
    type = serializers.ChoiceField(RunType.choices, source="run.type")
    status = serializers.ChoiceField(RunStatus.choices, source="run.status")
    phase = serializers.ChoiceField(
        RunPhase.choices,
        help_text=(
            "INITIALIZING: made, and no lane has an epic yet. QUEUEING_EPICS: its lanes have, and "
            "wait for a worker. LOADING_CONTENT: the first epics are read, before their calls. "
            "GENERATING_STORIES. SAVING_RESULTS: the last ones are stored. FINALIZING: nothing is "
            "left, and its end is written. COMPLETED; FAILED as its status. ANALYZING belongs to "
            "types that there are not yet."
        ),
    )
    phaseDetail = serializers.CharField(source="phase_detail")
    mode = serializers.ChoiceField(Mode.choices, source="run.mode")
    personaSet = serializers.ChoiceField(PersonaSet.choices, source="run.persona_set")
    pacingProfile = serializers.ChoiceField(Pacing.choices, source="run.pacing_profile")
    priority = serializers.ChoiceField(Priority.choices, source="run.priority")
    priorityReasons = PriorityReasonOutput(
        source="run.priority_reasons",
        many=True,
        help_text="What a computed priority was computed from; empty where it was given.",
    )
    deadline = serializers.DateTimeField(source="run.deadline", allow_null=True)
    maxConcurrency = serializers.IntegerField(source="run.max_concurrency")
    totalEpics = serializers.IntegerField(source="total")
    pendingEpics = serializers.IntegerField(source="pending")
    generatingEpics = serializers.IntegerField(source="generating")
    completedEpics = serializers.IntegerField(source="completed")
    failedEpics = serializers.IntegerField(source="failed")
    skippedEpics = serializers.IntegerField(source="skipped")
    cancelledEpics = serializers.IntegerField(source="cancelled")
    percentComplete = serializers.FloatField(source="percent_complete")
    totalStories = serializers.IntegerField(source="stories")
    storiesKept = serializers.IntegerField(
        source="stories_kept", help_text="Not replaced, because a person had edited them."
    )
    usage = UsageOutput(source="*")
    createdAt = serializers.DateTimeField(source="run.created_at")
    startedAt = serializers.DateTimeField(source="run.started_at", allow_null=True)
    completedAt = serializers.DateTimeField(source="run.completed_at", allow_null=True)
    elapsedMs = serializers.IntegerField(source="elapsed_ms")
    durationMs = serializers.IntegerField(
        source="duration_ms", allow_null=True, help_text="Null until the run has ended."
    )
    estimatedRemainingMs = serializers.IntegerField(
        source="remaining.ms",
        default=None,
        allow_null=True,
        help_text=(
            "At the pace of its last epics, with all that held them up but pauses; null until one "
            "epic is done, and unless it is RUNNING."
        ),
    )
    estimatedRemainingRange = RangeOutput(
        source="remaining",
        allow_null=True,
        help_text="More than every other run ends in it; null where estimatedRemainingMs is.",
    )
    controls = serializers.ListField(
        child=serializers.ChoiceField(["pause", "resume", "cancel", "retry-failed"]),
        help_text=(
            "The actions that would succeed now, with an empty body; none for who may only read."
        ),
    )
    retriedFromRunId = serializers.UUIDField(source="run.retried_from_id", allow_null=True)
    provider = serializers.CharField(
        source="run.provider", help_text="What answers the calls: `anthropic` or `simulator`."
    )
    error = RunErrorOutput(allow_null=True)
    version = serializers.IntegerField(source="run.version")


class EffectiveRunOutput(RunOutput):
    effectiveRunIds = serializers.ListField(
        child=serializers.UUIDField(),
        source="run_ids",
        required=False,
        help_text="Where `effective` was asked for: the lineage that is merged, oldest first.",
    )


class WarningOutput(serializers.Serializer[Any]):
    code = serializers.ChoiceField(["MANY_EPICS", "EPICS_LEFT_OUT"])
    message = serializers.CharField()
    expectedDurationMs = serializers.IntegerField(required=False, help_text="Of MANY_EPICS.")
    details = serializers.DictField(
        child=serializers.UUIDField(),
        required=False,
        help_text="Of EPICS_LEFT_OUT: {an epic's code: the run in which it is open}.",
    )


class RunStartedOutput(RunOutput):
    estimatedDurationMs = serializers.IntegerField(
        help_text=(
            "What the run may need, by its lanes, its pacing, and the time that an epic took in "
            "the last run of the same provider and model (20 s where there was none)."
        ),
    )
    warnings = WarningOutput(many=True)


class WaitingOutput(serializers.Serializer[Any]):
    reason = serializers.CharField(
        help_text=(
            "`run-paused`; `pacing`: its profile's delay; `permit-requests`, `permit-input`, "
            "`permit-output`, `permit-concurrency`: the limit that is used up; `gate-closed`: the "
            "provider refused calls; `turn`: others come first; `cache`: the first call with this "
            "project's text is under way; `limiter-away`; `rate-limit`; `backoff`; `stopped`."
        )
    )
    untilAt = serializers.DateTimeField(source="until_at", allow_null=True)


# A row of `runs.reads.selectors.run_epics`.
class RunEpicOutput(serializers.ModelSerializer[RunEpic]):
    runEpicId = serializers.UUIDField(source="id")
    epicId = serializers.UUIDField(
        source="epic_id", allow_null=True, help_text="Null once the epic was deleted."
    )
    epicCode = serializers.CharField(source="epic_code")
    epicTitle = serializers.CharField(source="epic_title")
    status = serializers.ChoiceField(RunEpicStatus.choices)
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
        child=serializers.ChoiceField(RunEpicStage.choices), source="skipped_stages"
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
    storiesCreated = serializers.IntegerField(source="stories_created")
    storiesKept = serializers.IntegerField(
        source="stories_kept", help_text="Not replaced, because a person had edited them."
    )
    usage = UsageOutput(source="*")
    errorCode = EmptyAsNull(source="error_code")
    error = EmptyAsNull()
    waiting = serializers.SerializerMethodField()
    startedAt = serializers.DateTimeField(source="started_at", allow_null=True)
    completedAt = serializers.DateTimeField(source="completed_at", allow_null=True)
    durationMs = serializers.SerializerMethodField()

    class Meta:
        model = RunEpic
        fields = (
            "runEpicId",
            "epicId",
            "epicCode",
            "epicTitle",
            "order",
            "status",
            "stage",
            "stagePercent",
            "stageMs",
            "skippedStages",
            "notes",
            "estimatedRemainingMs",
            "attempt",
            "storiesCreated",
            "storiesKept",
            "usage",
            "errorCode",
            "error",
            "waiting",
            "startedAt",
            "completedAt",
            "durationMs",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(RunEpicStage.choices, allow_null=True))
    def get_stage(self, run_epic: RunEpic) -> str | None:
        return run_epic.stage or None

    def get_stagePercent(self, run_epic: RunEpic) -> int:  # noqa: N802  # get_ + the field's name
        return stage_percent(run_epic)

    def get_estimatedRemainingMs(self, run_epic: RunEpic) -> int | None:  # noqa: N802  # as above
        return remaining_ms(run_epic)

    @extend_schema_field(WaitingOutput(allow_null=True))
    def get_waiting(self, run_epic: RunEpic) -> dict[str, Any] | None:
        waiting = waiting_of(run_epic)
        return shown(WaitingOutput, waiting) if waiting else None

    def get_durationMs(self, run_epic: RunEpic) -> int | None:  # noqa: N802  # as above
        return duration_ms(run_epic)


class ProgressOutput(RunOutput):
    epics = RunEpicOutput(many=True)


class RunLogOutput(serializers.ModelSerializer[RunLog]):
    level = serializers.ChoiceField(RunLog.Level.choices)
    epicCode = EmptyAsNull(source="epic_code")

    class Meta:
        model = RunLog
        fields = ("seq", "at", "level", "epicCode", "message")
        read_only_fields = fields


class OptionsInput(StrictSerializer):
    skipQualityCheck = Flag(default=False)
    keepEdited = Flag(
        default=True,
        help_text="Stories that a person edited are not replaced; new ones take other codes.",
    )


# Becomes the arguments of RunOptions.
class RunInput(StrictSerializer):
    type = serializers.ChoiceField(
        RunType.choices,
        default=RunType.GENERATE_ALL_STORIES,
        error_messages={"invalid_choice": f'"{{input}}" is none of {", ".join(RunType)}.'},
    )
    mode = serializers.ChoiceField(Mode.choices, default=Mode.STANDARD)
    personaSet = serializers.ChoiceField(
        PersonaSet.choices, default=PersonaSet.CORE, source="persona_set"
    )
    pacingProfile = serializers.ChoiceField(
        Pacing.choices, default=Pacing.NORMAL, source="pacing_profile"
    )
    priority = serializers.ChoiceField(
        Priority.choices, default=Priority.NORMAL, allow_null=True, help_text="Null: computed."
    )
    epicIds = ListOf(
        child=Id(),
        default=None,
        allow_null=True,
        max_length=MAX_EPICS,
        source="epic_ids",
        help_text=(
            "Null: all epics of the project that are open in no other run. GENERATE_STORIES "
            "needs exactly one."
        ),
    )
    maxConcurrency = WholeNumber(
        default=None,
        allow_null=True,
        min_value=1,
        max_value=MOST_LANES,
        source="max_concurrency",
        help_text="Epics at the same time; null: as the pacing profile says.",
    )
    deadline = Moment(
        default=None,
        allow_null=True,
        help_text="When the stories are needed; part of a computed priority.",
    )
    options = OptionsInput(default=dict)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        options = attrs.pop("options")
        return {
            **attrs,
            "skip_quality_check": options.get("skipQualityCheck", False),
            "keep_edited": options.get("keepEdited", True),
        }


class RunQuery(QuerySerializer):
    effective = Flag(
        default=False,
        help_text="Merge the run with its retries and what it retries: the latest outcomes.",
    )


class RunChangeInput(StrictSerializer):
    priority = serializers.ChoiceField(Priority.choices, required=False)
    maxConcurrency = WholeNumber(
        required=False, min_value=1, max_value=MOST_LANES, source="max_concurrency"
    )
    version = WholeNumber(min_value=1, max_value=2**31 - 1)

    keywords = {"minProperties": 2}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) == 1:
            raise serializers.ValidationError("Name priority or maxConcurrency.")
        return attrs


class RetryInput(StrictSerializer):
    includePending = Flag(default=False)


class RetryOutput(serializers.Serializer[Any]):
    newRunId = serializers.UUIDField(source="id")
    retriedEpicCount = serializers.IntegerField(source="total_epics")


# What `runs.engine.services.Moved` shows.
class ControlOutput(serializers.Serializer[Any]):
    batchId = serializers.UUIDField(source="run_id")
    previousStatus = serializers.SerializerMethodField()
    newStatus = serializers.SerializerMethodField()
    action = serializers.CharField(source="kind")
    timestamp = serializers.DateTimeField(source="at")
    inFlight = serializers.IntegerField(
        source="in_flight",
        help_text="Epics whose call had begun: they finish and are kept. No other call starts.",
    )

    @extend_schema_field(serializers.ChoiceField([status.lower() for status in RunStatus]))
    def get_previousStatus(self, moved: Moved) -> str:  # noqa: N802  # get_ + the field's name
        return moved.previous.lower()

    @extend_schema_field(serializers.ChoiceField(["running", "paused", "cancelled"]))
    def get_newStatus(self, moved: Moved) -> str:  # noqa: N802  # as above
        return moved.status.lower()


class RunActionOutput(serializers.ModelSerializer[RunAction]):
    action = serializers.ChoiceField(RunAction.Kind.choices, source="kind")

    class Meta:
        model = RunAction
        fields = ("action", "actor", "at", "details")
        read_only_fields = fields


class RunEpicsQuery(RunQuery):
    status = serializers.ChoiceField(RunEpicStatus.choices, required=False)


#: What runs can be ordered by: {name in the JSON: column}.
RUN_ORDERS = {"createdAt": "created_at"}


class RunsQuery(QuerySerializer):
    project = Id(required=False)
    status = serializers.ChoiceField(RunStatus.choices, required=False)
    type = serializers.ChoiceField(RunType.choices, required=False)
    order = serializers.ChoiceField(
        order_choices(RUN_ORDERS),
        default="-createdAt",
        help_text="With `-`: the other way round.",
    )


class LogQuery(QuerySerializer):
    after = WholeNumber(
        required=False,
        min_value=0,
        max_value=2**31 - 1,
        help_text="The `seq` of the last line that you have; `page.next` is the next one to give.",
    )
    cursor = WholeNumber(
        required=False,
        min_value=0,
        max_value=2**31 - 1,
        help_text="`page.next`; the same as `after`.",
    )
    limit = WholeNumber(default=200, min_value=1, max_value=1000)


class CurrentEpicOutput(serializers.Serializer[Any]):
    runEpicId = serializers.UUIDField(source="run_epic_id")
    epicCode = serializers.CharField(source="epic_code")
    since = serializers.DateTimeField()


class WorkerStatusOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    busy = serializers.BooleanField()
    concurrency = serializers.IntegerField()
    current = CurrentEpicOutput(many=True, help_text="Those of its epics that you may see.")
    lastHeartbeatAt = serializers.DateTimeField(source="last_heartbeat_at")


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
    workers = WorkerStatusOutput(many=True)
    limits = LimitsOutput(many=True)


def run_json(progress: RunProgress) -> dict[str, Any]:
    """The run as every answer and event shows it."""
    return shown(RunOutput, progress)
