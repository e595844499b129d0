"""A run in Django's admin: to look at, and to pause, resume, cancel and retry."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Min, Model, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from content.kind import counted
from epics.admin.backlog import ModelAdmin, TabularInline
from epics.admin.cells import ago_cell, id_cell
from epics.admin.read_only import ReadOnlyAdmin
from runs.admin.actions import CANCEL, PAUSE, RESUME, RETRY, runs_act
from runs.admin.cells import duration_cell, lines_cell, tokens_cell
from runs.models import Lane, Run, RunItem
from runs.reads.progress import RunProgress
from runs.reads.selectors import runs_with_figures
from runs.states import ItemStatus

#: Rows that the page of one run shows of its lanes and of its items, and of its trail and log.
_INLINE_ROWS = 50
_LINE = "{:%Y-%m-%d %H:%M:%S} {} {}"
admin.site.site_title = admin.site.site_header = "batchgen"
admin.site.index_title = "Backlogs, runs and what they cost"


class ReadOnlyInline(TabularInline):
    """The first rows of what a run has."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class LaneInline(ReadOnlyInline):
    model = Lane
    verbose_name_plural = f"the first {_INLINE_ROWS} lanes"
    fields = ("index", "state", "wait_reason", "wake_at", "completed", "failed", "created")
    ordering = ("index",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lane]:
        return super().get_queryset(request).filter(index__lt=_INLINE_ROWS)


class RunItemInline(ReadOnlyInline):
    model = RunItem
    verbose_name_plural = f"the first {_INLINE_ROWS} items"
    fields = (
        "order",
        "code",
        "title",
        "status",
        "stage",
        "attempt",
        "created",
        "cost_usd",
        "error_code",
    )
    ordering = ("order",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RunItem]:
        return super().get_queryset(request).filter(order__lte=_INLINE_ROWS)


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = (
        id_cell(),
        "project",
        "type",
        "status",
        "done",
        "failed",
        "made",
        "tokens",
        "cost",
        "duration",
        ago_cell("created_at"),
    )
    list_filter = ("status", "type", "pacing_profile", "provider", "created_at")
    list_select_related = ("project",)
    search_fields = ("=id", "=project__id", "project__name", "project__code", "error_code")
    date_hierarchy = "created_at"
    actions = ("pause", "resume", "cancel", "retry_failed")
    inlines = (LaneInline, RunItemInline)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("id", "project"),
                    ("type", "status", "phase", "detail"),
                    "health",
                    ("done", "failed", "made", "tokens", "cost"),
                    ("error_code", "error"),
                    "errors",
                    "everything",
                )
            },
        ),
        (
            "As it was started",
            {
                "fields": (
                    "options",
                    ("pacing_profile", "max_concurrency", "priority"),
                    ("provider", "model", "max_tokens", "prompt_set"),
                    ("created_by", "retried_from"),
                )
            },
        ),
        (
            "Times",
            {"fields": (("created_at", "started_at", "completed_at"), "duration", "version")},
        ),
        (f"The last {_INLINE_ROWS} of its trail and log", {"fields": ("trail", "log")}),
    )
    readonly_fields = (
        "id",
        "detail",
        "health",
        "done",
        "failed",
        "made",
        "tokens",
        "cost",
        "duration",
        "errors",
        "everything",
        "trail",
        "log",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        return runs_with_figures(super().get_queryset(request))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        ended = not isinstance(obj, Run) or obj.completed_at is not None
        return ended and ModelAdmin.has_delete_permission(self, request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # One by one: only a run that has ended may go.
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Counts instead of a tree: a run may have tens of thousands of items."""
        runs = [run for run in objs if run.completed_at is not None]
        parts = {"items": sum(run.total_items for run in runs), "runs": len(runs)}
        open_runs = [f"{run} ({run.status})" for run in objs if run.completed_at is None]
        return [f"{run}; what it made stays" for run in runs], parts, set(), open_runs

    def has_control_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("runs.change_run")

    @admin.action(description="Pause", permissions=["control"])
    def pause(self, request: HttpRequest, runs: QuerySet[Run]) -> TemplateResponse | None:
        return runs_act(PAUSE, request, runs)

    @admin.action(description="Resume", permissions=["control"])
    def resume(self, request: HttpRequest, runs: QuerySet[Run]) -> TemplateResponse | None:
        return runs_act(RESUME, request, runs)

    @admin.action(description="Cancel", permissions=["control"])
    def cancel(self, request: HttpRequest, runs: QuerySet[Run]) -> TemplateResponse | None:
        return runs_act(CANCEL, request, runs)

    @admin.action(description="Retry failed items", permissions=["control"])
    def retry_failed(self, request: HttpRequest, runs: QuerySet[Run]) -> TemplateResponse | None:
        return runs_act(RETRY, request, runs)

    @admin.display(description="items done")
    def done(self, run: Run) -> str:
        progress = RunProgress.of(run)
        return f"{progress.completed:,} of {counted(progress.total, progress.kind.item_words)}"

    @admin.display
    def failed(self, run: Run) -> int:
        return RunProgress.of(run).failed

    @admin.display
    def made(self, run: Run) -> str:
        progress = RunProgress.of(run)
        return counted(progress.created, progress.kind.made_words)

    @admin.display
    def tokens(self, run: Run) -> str:
        return tokens_cell(RunProgress.of(run))

    @admin.display(description="cost (USD)")
    def cost(self, run: Run) -> str:
        return f"{RunProgress.of(run).cost_usd:.4f}"

    @admin.display
    def duration(self, run: Run) -> str:
        return duration_cell(RunProgress.of(run).elapsed_ms if run.started_at else None)

    @admin.display
    def phase(self, run: Run) -> str:
        return RunProgress.of(run).phase

    @admin.display(description="phase detail")
    def detail(self, run: Run) -> str:
        return RunProgress.of(run).phase_detail

    @admin.display
    def health(self, run: Run) -> str:
        return RunProgress.of(run).health.text

    @admin.display(description="errors by code")
    def errors(self, run: Run) -> SafeString | str:
        failed = run.items.filter(status=ItemStatus.FAILED).values("error_code")
        counted = failed.annotate(number=Count("pk"), sample=Min("error")).order_by("-number")
        return lines_cell(
            f"{row['error_code']}: {row['number']}, such as: {row['sample']}" for row in counted
        )

    @admin.display
    def trail(self, run: Run) -> SafeString | str:
        actions = run.actions.order_by("-id")[:_INLINE_ROWS]
        return lines_cell(
            f"{_LINE.format(each.at, each.actor, each.kind)} {each.details}" for each in actions
        )

    @admin.display
    def log(self, run: Run) -> SafeString | str:
        lines = run.log.order_by("-id")[:_INLINE_ROWS]
        return lines_cell(_LINE.format(line.at, line.level, line.message) for line in lines)

    @admin.display(description="all of its")
    def everything(self, run: Run) -> SafeString:
        parts = {
            "runs_runitem": "items",
            "runs_lane": "lanes",
            "runs_runlog": "log",
            "runs_runaction": "actions",
            "runs_providercall": "provider calls",
            "epics_story": "stories",
        }
        links = [
            (reverse(f"admin:{table}_changelist"), run.pk, name) for table, name in parts.items()
        ]
        return format_html_join(", ", '<a href="{}?q={}">{}</a>', links)
