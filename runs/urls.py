"""The URLs of runs, gates and the queue, under /api/v1/."""

from django.urls import path

from runs.api import change_views, control_views, item_views, views
from runs.api.batch_views import BatchesView, BatchView, JobView
from runs.api.failure_views import RunErrorsView
from runs.api.file_views import RunFileView
from runs.api.gate_views import gate_view
from runs.api.health_views import RunHealthView
from runs.api.ledger_views import LedgerSummaryView, LedgerView
from runs.api.provider_batch_views import RunBatchesView
from runs.api.quote_views import ProjectQuotesView
from runs.live import views as live

urlpatterns = [
    path("projects/<id:project_id>/runs", control_views.ProjectRunsView.as_view()),
    path("projects/<id:project_id>/quotes", ProjectQuotesView.as_view()),
    path("ledger", LedgerView.as_view(), name="ledger"),
    path("ledger/summary", LedgerSummaryView.as_view()),
    path("queue/status", views.QueueStatusView.as_view()),
    # A gateway's ids of models may have slashes.
    path("gates/<path:model>/close", gate_view("close").as_view()),
    path("gates/<path:model>/open", gate_view("open").as_view()),
    path("runs", views.RunsView.as_view()),
    path("runs/<id:run_id>", views.RunView.as_view(), name="run-read"),
    path("runs/<id:run_id>/progress", views.RunProgressView.as_view()),
    path("runs/<id:run_id>/epics", views.RunEpicsView.as_view()),
    path("runs/<id:run_id>/items", item_views.RunItemsView.as_view(), name="run-items"),
    path("runs/<id:run_id>/items/<id:item_id>", item_views.RunItemView.as_view()),
    path("runs/<id:run_id>/items/<id:item_id>/cancel", control_views.RunItemCancelView.as_view()),
    path("runs/<id:run_id>/changes", change_views.RunChangesView.as_view()),
    path("runs/<id:run_id>/errors", RunErrorsView.as_view()),
    path("runs/<id:run_id>/health", RunHealthView.as_view()),
    path("runs/<id:run_id>/batches", RunBatchesView.as_view()),
    path("runs/<id:run_id>/logs", views.RunLogsView.as_view(), name="run-log"),
    path("runs/<id:run_id>/file", RunFileView.as_view(), name="run-file"),
    path("runs/<id:run_id>/events", live.RunEventsView.as_view(), name="run-events"),
    path("runs/<id:run_id>/stream-ticket", live.StreamTicketView.as_view()),
    path("runs/<id:run_id>/actions", views.RunActionsView.as_view()),
    path("runs/<id:run_id>/retry-failed", control_views.RunRetryView.as_view()),
    path(
        "runs/<id:run_id>/epics/<id:run_epic_id>/cancel", control_views.RunEpicCancelView.as_view()
    ),
    path("generation/batch", BatchesView.as_view()),
    path("generation/batch/<id:run_id>", BatchView.as_view()),
    path("generation/jobs/<id:job_id>", JobView.as_view()),
    *(
        path(
            f"{family}/<id:run_id>/{action}",
            control_views.control_view(action, name=f"{noun}{action.capitalize()}").as_view(),
        )
        for family, noun in (("runs", "run"), ("generation/batch", "batch"))
        for action in ("pause", "resume", "cancel")
    ),
]
