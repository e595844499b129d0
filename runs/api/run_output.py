"""What the API and live events show of a run: its JSON and its log."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from batchgen.api.output import shown
from content.registry import kind_started_by
from content.stories.options import Mode, PersonaSet
from runs.api.budget_output import BudgetOutput
from runs.api.quote_json import RunQuoteOutput
from runs.api.run_options import OptionsField
from runs.api.run_parts import (
    CacheOutput,
    EmptyAsNull,
    EpicsCount,
    HealthOutput,
    PriorityReasonOutput,
    RangeOutput,
    RunBatchesOutput,
    RunErrorOutput,
    RunItemsOutput,
    UsageOutput,
)
from runs.api.run_type import RunTypeField
from runs.engine.transitions import Transition
from runs.models import Run, RunLog
from runs.reads.progress import RunProgress
from runs.states import MoneyLane, Pacing, Priority, RunPhase, RunStatus

#: Of runs, as pause and its like name them.
LOWER_STATUSES = [status.lower() for status in RunStatus]


# What a RunProgress shows.
class RunOutput(serializers.Serializer[Any]):
    runId = serializers.UUIDField(source="run.id")
    projectId = serializers.UUIDField(source="run.project_id")
    type = RunTypeField(source="run.type")
    status = serializers.ChoiceField(RunStatus.choices, source="run.status")
    phase = serializers.ChoiceField(
        RunPhase.choices,
        help_text=(
            "INITIALIZING: made, and no lane has an item yet. QUEUEING_EPICS: its lanes have, and "
            "wait for a worker. LOADING_CONTENT: the first items are read, before their calls. "
            "GENERATING_STORIES; of cards and epics ANALYZING, of subtasks and pages GENERATING. "
            "SAVING_RESULTS: the last ones are stored, or a file is written. FINALIZING: nothing "
            "is left, and its end is written. COMPLETED; FAILED as its status."
        ),
    )
    phaseDetail = serializers.CharField(source="phase_detail")
    mode = serializers.ChoiceField(
        Mode.choices, allow_null=True, help_text="Null for types that have none."
    )
    personaSet = serializers.ChoiceField(
        PersonaSet.choices,
        source="persona_set",
        allow_null=True,
        help_text="Null for types that have none.",
    )
    options = OptionsField(
        help_text="Of its type: what its starter chose, and the defaults of all else."
    )
    pacingProfile = serializers.ChoiceField(Pacing.choices, source="run.pacing_profile")
    priority = serializers.ChoiceField(Priority.choices, source="run.priority")
    priorityReasons = PriorityReasonOutput(
        source="run.priority_reasons",
        many=True,
        help_text="What a computed priority was computed from; empty where it was given.",
    )
    deadline = serializers.DateTimeField(source="run.deadline", allow_null=True)
    lane = serializers.ChoiceField(MoneyLane.choices, source="run.lane")
    batches = RunBatchesOutput(
        source="*", help_text="The provider's batches that the run's first requests go by."
    )
    maxConcurrency = serializers.IntegerField(source="run.max_concurrency")
    adaptiveLanes = serializers.BooleanField(
        source="run.adaptive_lanes",
        help_text=(
            "The engine sets `maxConcurrency`, by the calls that may begin and what they take: of "
            "a run with `pacingProfile: adaptive` whose start named none. A PATCH ends that."
        ),
    )
    items = RunItemsOutput(source="*")
    totalEpics = EpicsCount(source="epics.total")
    pendingEpics = EpicsCount(source="epics.pending")
    generatingEpics = EpicsCount(source="epics.generating")
    completedEpics = EpicsCount(source="epics.completed")
    failedEpics = EpicsCount(source="epics.failed")
    skippedEpics = EpicsCount(source="epics.skipped")
    cancelledEpics = EpicsCount(source="epics.cancelled")
    percentComplete = serializers.FloatField(source="percent_complete")
    created = serializers.IntegerField(help_text="What its items made, counted.")
    kept = serializers.IntegerField(
        help_text="What was there and was not replaced, because it was edited or approved."
    )
    totalStories = EpicsCount(source="epics.created", help_text="`created` of a run over epics.")
    storiesKept = EpicsCount(source="epics.kept", help_text="`kept` of a run over epics.")
    usage = UsageOutput(source="*")
    cache = CacheOutput(help_text="By the provider's own numbers.")
    budget = BudgetOutput(
        allow_null=True, help_text="What the run may spend; null: it has no limit of its own."
    )
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
            "At the pace of its last items, with all that held them up but pauses; null until one "
            "item is done, unless it is RUNNING, and while a batch of the provider's is waited "
            "for, which tells nothing of its progress."
        ),
    )
    estimatedRemainingRange = RangeOutput(
        source="remaining",
        allow_null=True,
        help_text="More than every other run ends in it; null where estimatedRemainingMs is.",
    )
    health = HealthOutput(help_text="Whether it goes on; if not, why, and what to do.")
    quote = RunQuoteOutput(
        allow_null=True, help_text="What was quoted before; null where nobody asked."
    )
    controls = serializers.ListField(
        child=serializers.ChoiceField(["pause", "resume", "cancel", "retry-failed"]),
        help_text=(
            "The actions that would succeed now, with an empty body; none for who may only read."
        ),
    )
    retriedFromRunId = serializers.UUIDField(source="run.retried_from_id", allow_null=True)
    provider = EmptyAsNull(
        source="run.provider",
        help_text="What answers the calls: `anthropic` or `simulator`. Null for types without.",
    )
    model = EmptyAsNull(source="run.model", help_text="Null for types without calls.")
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
    code = serializers.ChoiceField(
        [
            *("MANY_EPICS", "EPICS_LEFT_OUT", "MANY_ITEMS", "ITEMS_LEFT_OUT", "WOULD_REPLACE"),
            "KEPT_LEFT_OUT",
        ],
        help_text="MANY_ITEMS and ITEMS_LEFT_OUT where the items are no epics.",
    )
    message = serializers.CharField()
    expectedDurationMs = serializers.IntegerField(
        required=False, help_text="Of MANY_EPICS and MANY_ITEMS."
    )
    count = serializers.IntegerField(
        required=False,
        help_text=(
            "Of WOULD_REPLACE: so many that people edited or approved go, because `keepEdited` or "
            "`keepApproved` is false. Of KEPT_LEFT_OUT: so many are left out because the run keeps "
            "them."
        ),
    )
    details = serializers.DictField(
        child=serializers.UUIDField(),
        required=False,
        help_text=(
            "Of EPICS_LEFT_OUT and ITEMS_LEFT_OUT: {an item's code: the run in which it is open}."
        ),
    )


class RunStartedOutput(RunOutput):
    estimatedDurationMs = serializers.IntegerField(
        help_text=(
            "What the run may need, by its lanes, its pacing, and the time that an item took in "
            "the last run of its kind, provider and model (20 s where there was none); with what "
            "batches took of late (15 min), where they are asked."
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
    retriedItemCount = serializers.IntegerField(source="total_items")
    retriedEpicCount = serializers.SerializerMethodField(
        help_text="The same of a run over epics; else 0."
    )

    def get_retriedEpicCount(self, run: Run) -> int:  # noqa: N802  # get_ + the field's name
        return run.total_items if kind_started_by(run.type).item_kind == "epic" else 0


# What `runs.engine.transitions.Transition` shows.
class ControlOutput(serializers.Serializer[Any]):
    batchId = serializers.UUIDField(source="run_id")
    previousStatus = serializers.SerializerMethodField()
    newStatus = serializers.SerializerMethodField()
    action = serializers.CharField(source="kind")
    timestamp = serializers.DateTimeField(source="at")
    inFlight = serializers.IntegerField(
        source="in_flight",
        help_text="Items whose call had begun: they finish and are kept. No other call starts.",
    )
    requestsOut = serializers.IntegerField(
        source="requests_out",
        help_text="Requests that were out in the provider's batches. No other one goes out.",
    )

    @extend_schema_field(serializers.ChoiceField(LOWER_STATUSES))
    def get_previousStatus(self, moved: Transition) -> str:  # noqa: N802  # get_ + the field's name
        return moved.previous.lower()

    @extend_schema_field(serializers.ChoiceField(["running", "paused", "cancelled"]))
    def get_newStatus(self, moved: Transition) -> str:  # noqa: N802  # as above
        return moved.status.lower()


def run_json(progress: RunProgress) -> dict[str, Any]:
    """The run as every answer and event shows it."""
    return shown(RunOutput, progress)
