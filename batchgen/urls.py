"""The URLs of the web process."""

from django.contrib import admin
from django.urls import include, path, register_converter
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from batchgen.accounts.auth import TokenRefreshView, TokenRevokeView, TokenView
from batchgen.accounts.staff import staff
from batchgen.accounts.token_views import ApiTokensView, ApiTokenView
from batchgen.api.openapi import RENDERERS
from batchgen.db.ids import IdConverter
from batchgen.http.health import healthz
from runs.health import readyz
from runs.reads.exposition import metrics

admin.autodiscover()
register_converter(IdConverter, "id")  # before the rooms' addresses are read

schema = SpectacularAPIView.as_view(renderer_classes=RENDERERS)
docs = SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="batchgen/docs.html")

urlpatterns = [
    path("", include("web.urls")),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("internal/staff", staff),
    path("api/schema", schema, name="schema"),
    path("api/docs", docs, name="docs"),
    path("api/v1/auth/token", TokenView.as_view()),
    path("api/v1/auth/token/refresh", TokenRefreshView.as_view()),
    path("api/v1/auth/token/revoke", TokenRevokeView.as_view()),
    path("api/v1/tokens", ApiTokensView.as_view()),
    path("api/v1/tokens/<id:token_id>", ApiTokenView.as_view()),
    path("api/v1/", include("epics.urls")),
    path("api/v1/", include("content.pages.urls")),
    path("api/v1/", include("runs.urls")),
    path("api/v1/", include("runs.webhooks.urls")),
]

handler400 = "batchgen.api.error_envelope.bad_request"
handler403 = "batchgen.api.error_envelope.forbidden"
handler404 = "batchgen.api.error_envelope.not_found"
handler500 = "batchgen.api.error_envelope.server_error"
