"""What the API and live events show of a run: its JSON, its log, its trail."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from batchgen.api.output import shown
from content.stories.options import Mode, PersonaSet
from runs.api.run_type import RunTypeField
from runs.engine.transitions import Transition
from runs.models import RunAction, RunLog
from runs.reads.progress import RunProgress
from runs.states import Pacing, Priority, RunPhase, RunStatus


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
    type = RunTypeField(source="run.type")
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
    mode = serializers.ChoiceField(Mode.choices)
    personaSet = serializers.ChoiceField(PersonaSet.choices, source="persona_set")
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
    totalStories = serializers.IntegerField(source="created")
    storiesKept = serializers.IntegerField(
        source="kept", help_text="Not replaced, because a person had edited them."
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
    promptVersion = serializers.IntegerField(
        source="prompt_version",
        allow_null=True,
        help_text=(
            "Of the prompts that staff had edited when the run was started, and that it keeps; "
            "null: those of this release."
        ),
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


class RunLogOutput(serializers.ModelSerializer[RunLog]):
    level = serializers.ChoiceField(RunLog.Level.choices)
    epicCode = EmptyAsNull(source="item_code")

    class Meta:
        model = RunLog
        fields = ("seq", "at", "level", "epicCode", "message")
        read_only_fields = fields


class RetryOutput(serializers.Serializer[Any]):
    newRunId = serializers.UUIDField(source="id")
    retriedEpicCount = serializers.IntegerField(source="total_items")


# What `runs.engine.transitions.Transition` shows.
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
    def get_previousStatus(self, moved: Transition) -> str:  # noqa: N802  # get_ + the field's name
        return moved.previous.lower()

    @extend_schema_field(serializers.ChoiceField(["running", "paused", "cancelled"]))
    def get_newStatus(self, moved: Transition) -> str:  # noqa: N802  # as above
        return moved.status.lower()


class RunActionOutput(serializers.ModelSerializer[RunAction]):
    action = serializers.ChoiceField(RunAction.Kind.choices, source="kind")

    class Meta:
        model = RunAction
        fields = ("action", "actor", "at", "details")
        read_only_fields = fields


def run_json(progress: RunProgress) -> dict[str, Any]:
    """The run as every answer and event shows it."""
    return shown(RunOutput, progress)
