"""The URLs of pages, under /api/v1/."""

from django.urls import path

from content.pages.api import transfer_views, views

urlpatterns = [
    path("projects/<id:project_id>/pages", views.PagesView.as_view()),
    path("projects/<id:project_id>/pages/import", transfer_views.PagesImportView.as_view()),
    path(
        "projects/<id:project_id>/pages/export",
        transfer_views.PagesExportView.as_view(),
        name="pages-export",
    ),
    path("pages/<id:page_id>", views.PageView.as_view()),
]
