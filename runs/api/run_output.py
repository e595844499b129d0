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
from runs.api.run_type import RunTypeField
from runs.engine.transitions import Transition
from runs.models import Run, RunLog
from runs.reads.progress import RunProgress
from runs.states import HealthVerdict, MoneyLane, Pacing, Priority, RunPhase, RunStatus

#: Of runs, as pause and its like name them.
LOWER_STATUSES = [status.lower() for status in RunStatus]


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


class CacheOutput(serializers.Serializer[Any]):
    hitRate = serializers.FloatField(
        source="hit_rate",
        allow_null=True,
        help_text=(
            "Of all input tokens, the part that the provider read from its cache: 0 to 1. Null "
            "before the first answer."
        ),
    )
    savedUsd = serializers.DecimalField(
        source="saved_usd",
        max_digits=14,
        decimal_places=4,
        allow_null=True,
        help_text=(
            "What the same input would have cost more without a cache; below 0 where more was "
            "written than read. Null for a model without a price."
        ),
    )


class RunErrorOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class PriorityReasonOutput(serializers.Serializer[Any]):
    factor = serializers.CharField(help_text="Such as `size`, `impact`, `stories`, `deadline`.")
    points = serializers.IntegerField()
    message = serializers.CharField()


class RangeOutput(serializers.Serializer[Any]):
    lowMs = serializers.IntegerField(source="low_ms")
    highMs = serializers.IntegerField(source="high_ms")


class RunItemsOutput(serializers.Serializer[Any]):
    kind = serializers.CharField(
        source="kind.item_kind", help_text="What an item is: `epic`, `story`, `upload`, `page` ..."
    )
    total = serializers.IntegerField()
    pending = serializers.IntegerField()
    generating = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    cancelled = serializers.IntegerField()


class HealthOutput(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(
        HealthVerdict.choices,
        help_text=(
            "flowing: items are under way. waiting: it goes on by itself, or when who stopped it "
            "lets it. stuck: it does not, until somebody does what `nextAction` says."
        ),
    )
    reason = serializers.CharField(help_text="For people; its times are UTC.")
    nextAction = serializers.CharField(
        source="next_action",
        allow_null=True,
        help_text="What somebody can do about it; never null of a stuck run.",
    )
    since = serializers.DateTimeField(
        help_text="Since when the verdict and the reason are these, by PostgreSQL's clock."
    )


class RunBatchesOutput(serializers.Serializer[Any]):
    submitted = serializers.IntegerField(
        source="batches_submitted", help_text="That the provider was handed."
    )
    processing = serializers.IntegerField(
        source="batches_processing", help_text="Those of them whose answers are waited for."
    )
    ended = serializers.IntegerField(source="batches_ended")


class EpicsCount(serializers.IntegerField):
    """A count of a run over epics; 0 where its items are others."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "Of a run over epics, as in `items`; else 0.")
        super().__init__(default=0, **kwargs)


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
