"""Pages and their run at once, in the words of content teams: a batch of jobs."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from batchgen.api.inputs import Id, ListOf
from batchgen.api.output import shown
from content.pages.api.serializers import ContentOutput, PageInput
from content.pages.bulk import rows_of
from content.run_types import RunType
from epics import bounds
from runs.api.run_input import RunInput
from runs.api.run_output import LOWER_STATUSES
from runs.api.run_parts import EmptyAsNull
from runs.models import RunItem
from runs.reads.items import duration_ms, remaining_ms, stage_percent
from runs.reads.progress import RunProgress
from runs.states import ItemStage, ItemStatus

#: {an item's status: the job's}.
_STATUSES = {
    ItemStatus.PENDING: "pending",
    ItemStatus.GENERATING: "processing",
    ItemStatus.COMPLETED: "completed",
    ItemStatus.FAILED: "failed",
    ItemStatus.SKIPPED: "skipped",
    ItemStatus.CANCELLED: "cancelled",
}
#: Fields of a start: the pages say what the run is over, and other types have no pages.
_SAID = ("type", "mode", "personaSet", "epicIds", "targetIds")
JOB_STATUSES = list(_STATUSES.values())


class BatchProject(serializers.Serializer[Any]):
    """As much of the body as says who may send it."""

    projectId = Id(source="project_id")


class BatchInput(RunInput):
    projectId = Id(source="project_id")
    pages = ListOf(
        child=PageInput(),
        min_length=1,
        max_length=bounds.BATCH_PAGES,
        help_text=(
            "One whose address the project has already is changed as far as this says something "
            "of it."
        ),
    )

    def get_fields(self) -> dict[str, Any]:
        return {name: each for name, each in super().get_fields().items() if name not in _SAID}

    def validate_pages(self, pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return rows_of(pages)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """`{project_id, pages, run: the arguments of RunOptions}`."""
        project_id, pages = attrs.pop("project_id"), attrs.pop("pages")
        typed = {"type": RunType.GENERATE_PAGES.value, "epicIds": None, "targetIds": None}
        return {"project_id": project_id, "pages": pages, "run": super().validate(attrs | typed)}


class BatchStartedOutput(serializers.Serializer[Any]):
    batchId = serializers.UUIDField(help_text="The run's id, for all of /runs too.")
    projectId = serializers.UUIDField()
    jobIds = serializers.ListField(
        child=serializers.UUIDField(), help_text="Of the pages, in their order: the items' ids."
    )
    total = serializers.IntegerField()
    created = serializers.IntegerField(help_text="Pages that are new.")
    updated = serializers.IntegerField(help_text="Pages that were there, and that this changed.")


class BatchOutput(serializers.Serializer[RunProgress]):
    batchId = serializers.UUIDField(source="run.id")
    projectId = serializers.UUIDField(source="run.project_id")
    status = serializers.SerializerMethodField()
    total = serializers.IntegerField()
    pending = serializers.IntegerField()
    inProgress = serializers.IntegerField(source="generating")
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    percentComplete = serializers.FloatField(source="percent_complete")
    estimatedRemainingMs = serializers.IntegerField(
        source="remaining.ms", allow_null=True, default=None
    )
    error = EmptyAsNull(source="run.error")
    createdAt = serializers.DateTimeField(source="run.created_at")
    startedAt = serializers.DateTimeField(source="run.started_at", allow_null=True)
    completedAt = serializers.DateTimeField(source="run.completed_at", allow_null=True)

    @extend_schema_field(serializers.ChoiceField(LOWER_STATUSES))
    def get_status(self, progress: RunProgress) -> str:
        return progress.run.status.lower()


# A row of `runs.reads.items.job_for`.
class JobOutput(serializers.ModelSerializer[RunItem]):
    jobId = serializers.UUIDField(source="id")
    batchId = serializers.UUIDField(source="run_id")
    projectId = serializers.UUIDField(source="run.project_id")
    pageId = serializers.UUIDField(
        source="target_id", allow_null=True, help_text="Null once the page was deleted."
    )
    code = serializers.CharField()
    title = serializers.CharField()
    status = serializers.SerializerMethodField()
    priority = serializers.IntegerField()
    progress = serializers.SerializerMethodField(help_text="In percent.")
    currentStage = serializers.SerializerMethodField()
    estimatedRemainingMs = serializers.SerializerMethodField()
    retryCount = serializers.SerializerMethodField()
    errorCode = EmptyAsNull(source="error_code")
    error = EmptyAsNull()
    result = serializers.SerializerMethodField(
        help_text="The page's content, once this job has written it and while no other run has."
    )
    createdAt = serializers.DateTimeField(source="run.created_at")
    startedAt = serializers.DateTimeField(source="started_at", allow_null=True)
    completedAt = serializers.DateTimeField(source="completed_at", allow_null=True)
    durationMs = serializers.SerializerMethodField()

    class Meta:
        model = RunItem
        fields = (
            "jobId",
            "batchId",
            "projectId",
            "pageId",
            "code",
            "title",
            "status",
            "priority",
            "progress",
            "currentStage",
            "estimatedRemainingMs",
            "retryCount",
            "errorCode",
            "error",
            "result",
            "createdAt",
            "startedAt",
            "completedAt",
            "durationMs",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(JOB_STATUSES))
    def get_status(self, item: RunItem) -> str:
        return _STATUSES[ItemStatus(item.status)]

    def get_progress(self, item: RunItem) -> int:
        return 100 if item.status == ItemStatus.COMPLETED else stage_percent(item)

    @extend_schema_field(serializers.ChoiceField(ItemStage.choices, allow_null=True))
    def get_currentStage(self, item: RunItem) -> str | None:  # noqa: N802  # get_ + the field's name
        return item.stage or None

    def get_estimatedRemainingMs(self, item: RunItem) -> int | None:  # noqa: N802  # as above
        return remaining_ms(item)

    def get_retryCount(self, item: RunItem) -> int:  # noqa: N802  # as above
        return max(0, item.attempt - 1)

    @extend_schema_field(ContentOutput(allow_null=True))
    def get_result(self, item: RunItem) -> dict[str, Any] | None:
        page = vars(item)["page"]
        return shown(ContentOutput, page) if page else None

    def get_durationMs(self, item: RunItem) -> int | None:  # noqa: N802  # as above
        return duration_ms(item)
