"""What belongs to runs in Django's admin: items, lanes, log, trail, calls, workers and settings.

Workers and services write the rows of a run, so hands do not.
"""

from django.contrib import admin
from django.db.models import Count, Model, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from epics.admin.backlog import ModelAdmin
from epics.admin.cells import ago_cell, id_cell
from epics.admin.read_only import ReadOnlyAdmin
from runs.admin.cells import ValuesFilter, duration_cell, tokens_cell
from runs.models import Lane, PacingProfile, ProviderCall, RunAction, RunItem, RunLog, Share, Worker
from runs.reads.items import duration_ms
from runs.states import LaneState


@admin.register(RunItem)
class RunItemAdmin(ReadOnlyAdmin):
    list_display = (
        "code",
        "title",
        "kind",
        id_cell("run_id"),
        "status",
        "stage",
        "attempt",
        "created",
        "tokens",
        "cost_usd",
        "duration",
        "error_code",
    )
    list_filter = ("status", "kind", "stage", ("error_code", ValuesFilter))
    search_fields = ("=id", "=run__id", "=target_id", "=code", "=error_code")

    @admin.display
    def tokens(self, item: RunItem) -> str:
        return tokens_cell(item)

    @admin.display
    def duration(self, item: RunItem) -> str:
        return duration_cell(duration_ms(item))


@admin.register(Lane)
class LaneAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        id_cell("run_id"),
        "index",
        "state",
        "wait_reason",
        ago_cell("wake_at"),
        "worker",
        "completed",
        "failed",
        "created",
        "cost_usd",
        ago_cell("moved_at"),
    )
    list_filter = ("state", ("wait_reason", ValuesFilter))
    list_select_related = ("worker",)
    search_fields = ("=id", "=run__id")


@admin.register(RunLog)
class RunLogAdmin(ReadOnlyAdmin):
    list_display = (ago_cell("at"), id_cell("run_id"), "level", "item_code", "message")
    list_filter = ("level",)
    search_fields = ("=run__id", "=item_code")


@admin.register(RunAction)
class RunActionAdmin(ReadOnlyAdmin):
    list_display = (ago_cell("at"), id_cell("run_id"), "kind", "actor", "details")
    list_filter = ("kind",)
    search_fields = ("=run__id", "=actor")


@admin.register(ProviderCall)
class ProviderCallAdmin(ReadOnlyAdmin):
    list_display = (
        ago_cell("started_at"),
        "item",
        "attempt",
        "purpose",
        "outcome",
        "tokens",
        "cost_usd",
        "duration",
        "error_code",
        "possibly_billed",
        "request_id",
    )
    list_filter = (
        "outcome",
        "purpose",
        "possibly_billed",
        "model",
        ("error_code", ValuesFilter),
    )
    list_select_related = ("item",)
    search_fields = ("=id", "=item__id", "=item__run__id", "=request_id")

    @admin.display
    def tokens(self, call: ProviderCall) -> str:
        return tokens_cell(call)

    @admin.display
    def duration(self, call: ProviderCall) -> str:
        if call.ended_at is None:
            return "-"
        return duration_cell(round((call.ended_at - call.started_at).total_seconds() * 1000))


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "alive",
        "busy",
        "concurrency",
        ago_cell("heartbeat_at"),
        "clock_ahead_s",
        ago_cell("started_at"),
        ago_cell("stopped_at"),
    )
    list_filter = ("started_at",)
    search_fields = ("name", "=id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        workers: QuerySet[Worker] = super().get_queryset(request)
        return workers.annotate(
            running=Count("lanes", filter=Q(lanes__state=LaneState.RUNNING)),
            leased=Q(lease_until__gt=Now(), stopped_at__isnull=True),
        )

    @admin.display(boolean=True)
    def alive(self, worker: Worker) -> bool:
        return bool(vars(worker)["leased"])

    @admin.display(description="items now", ordering="running")
    def busy(self, worker: Worker) -> int:
        return int(vars(worker)["running"])


@admin.register(PacingProfile)
class PacingProfileAdmin(ModelAdmin):
    """The numbers of the four profiles. Runs that have started keep theirs."""

    list_display = ("name", "delay_ms", "max_tokens", "max_retries", "retry_wait_ms", "lanes")
    readonly_fields = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Share)
class ShareAdmin(ModelAdmin):
    """What users' turns weigh; who has no row here has the weight 1."""

    list_display = ("user", "weight")
    raw_id_fields = ("user",)
