"""Under /api/v1/."""

from django.urls import path

from runs import views

urlpatterns = [
    path("projects/<uuid:project_id>/runs", views.ProjectRunsView.as_view()),
    path("runs", views.RunsView.as_view()),
    path("runs/<uuid:run_id>", views.RunView.as_view()),
    path("runs/<uuid:run_id>/progress", views.RunProgressView.as_view()),
    path("runs/<uuid:run_id>/epics", views.RunEpicsView.as_view()),
    path("runs/<uuid:run_id>/logs", views.RunLogsView.as_view()),
]
