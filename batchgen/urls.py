"""Every address of the web process."""

from django.contrib import admin
from django.urls import include, path, register_converter
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from batchgen.auth import TokenRefreshView, TokenRevokeView, TokenView
from batchgen.health import healthz
from batchgen.ids import IdConverter
from batchgen.openapi import RENDERERS
from runs.exposition import metrics
from runs.health import readyz

register_converter(IdConverter, "id")  # before the rooms' addresses are read

schema = SpectacularAPIView.as_view(renderer_classes=RENDERERS)
docs = SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="batchgen/docs.html")

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs")),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("api/schema", schema, name="schema"),
    path("api/docs", docs, name="docs"),
    path("api/v1/auth/token", TokenView.as_view()),
    path("api/v1/auth/token/refresh", TokenRefreshView.as_view()),
    path("api/v1/auth/token/revoke", TokenRevokeView.as_view()),
    path("api/v1/", include("epics.urls")),
    path("api/v1/", include("runs.urls")),
]

handler400 = "batchgen.api_errors.bad_request"
handler403 = "batchgen.api_errors.forbidden"
handler404 = "batchgen.api_errors.not_found"
handler500 = "batchgen.api_errors.server_error"
