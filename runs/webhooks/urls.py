"""The URLs of webhooks, under /api/v1/."""

from django.urls import path

from runs.webhooks.api import views

_DELIVERIES = "webhooks/<id:webhook_id>/deliveries"

urlpatterns = [
    path("projects/<id:project_id>/webhooks", views.ProjectWebhooksView.as_view()),
    path("webhooks/<id:webhook_id>", views.WebhookView.as_view()),
    path("webhooks/<id:webhook_id>/secret", views.WebhookSecretView.as_view()),
    path("webhooks/<id:webhook_id>/test", views.WebhookTestView.as_view()),
    path(_DELIVERIES, views.WebhookDeliveriesView.as_view()),
    path(f"{_DELIVERIES}/<id:delivery_id>/resend", views.DeliveryResendView.as_view()),
]
