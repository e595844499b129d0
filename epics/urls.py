"""The backlog's URLs, under /api/v1/."""

from django.urls import path

from epics.api import (
    member_views,
    quality_views,
    review_views,
    story_views,
    subtask_views,
    transfer_views,
    upload_views,
    views,
)

urlpatterns = [
    path("projects", views.ProjectsView.as_view()),
    path("projects/import", transfer_views.ImportView.as_view()),
    path("projects/<id:project_id>", views.ProjectView.as_view()),
    path(
        "projects/<id:project_id>/export",
        transfer_views.ExportView.as_view(),
        name="project-export",
    ),
    path("projects/<id:project_id>/cards", views.CardsView.as_view()),
    path("projects/<id:project_id>/epics", views.EpicsView.as_view()),
    path("projects/<id:project_id>/stories", story_views.ProjectStoriesView.as_view()),
    path("projects/<id:project_id>/subtasks", subtask_views.ProjectSubtasksView.as_view()),
    path("projects/<id:project_id>/review", review_views.ReviewView.as_view()),
    path("projects/<id:project_id>/duplicates", quality_views.DuplicatesView.as_view()),
    path("projects/<id:project_id>/members", member_views.MembersView.as_view()),
    path("members/<id:member_id>", member_views.MemberView.as_view()),
    path("invitations", member_views.InvitationsView.as_view()),
    path("invitations/<id:invitation_id>/accept", member_views.InvitationAcceptView.as_view()),
    path("invitations/<id:invitation_id>/decline", member_views.InvitationDeclineView.as_view()),
    path("projects/<id:project_id>/uploads", upload_views.UploadsView.as_view()),
    path("uploads/<id:upload_id>", upload_views.UploadView.as_view()),
    path("cards/<id:card_id>", views.CardView.as_view()),
    path("epics/<id:epic_id>", views.EpicView.as_view()),
    path("epics/<id:epic_id>/stories", story_views.EpicStoriesView.as_view()),
    path("epics/<id:epic_id>/history", review_views.EpicHistoryView.as_view()),
    path("stories/lint", quality_views.LintView.as_view()),
    path("stories/<id:story_id>", story_views.StoryView.as_view()),
    path("stories/<id:story_id>/subtasks", subtask_views.StorySubtasksView.as_view()),
    path("stories/<id:story_id>/history", review_views.StoryHistoryView.as_view()),
    path("subtasks/<id:subtask_id>", subtask_views.SubtaskView.as_view()),
]
