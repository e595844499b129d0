"""Prometheus metrics of webhooks: attempts of this worker, and for the web process what waits."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, Min, Q
from django.db.models.functions import Coalesce, Now
from prometheus_client import Counter
from prometheus_client.metrics_core import GaugeMetricFamily

from batchgen.db.clock import database_now
from runs.reads.gauges import Gauge
from runs.webhooks.models import Delivery, Webhook

_ATTEMPTS = Counter(
    "batchgen_webhook_attempts_total",
    "Attempts of this worker to deliver to webhooks: delivered, or failed and tried again.",
    ["outcome"],
)
_DELIVERIES = Gauge(
    "batchgen_webhook_deliveries",
    "Deliveries that wait, those of them that were tried and failed, and those given up in the"
    " last hour.",
    ("state",),
)
_OLDEST = Gauge(
    "batchgen_webhook_oldest_seconds",
    "For how long the delivery that waits for longest has been due, or tried in vain.",
)
_OFF = Gauge("batchgen_webhooks_off", "Webhooks that batchgen has switched off.")
_HOUR = timedelta(hours=1)


def attempt_ended(*, delivered: bool) -> None:
    """Count an attempt."""
    _ATTEMPTS.labels("delivered" if delivered else "failed").inc()


def of_webhooks() -> Iterator[GaugeMetricFamily]:
    """What waits, and what fails, of all webhooks."""
    pending = Delivery.objects.filter(status=Delivery.Status.PENDING).order_by()
    waiting = pending.aggregate(
        waiting=Count("pk"),
        failing=Count("pk", filter=~Q(error="")),
        oldest=Min(Coalesce("first_tried_at", "due_at")),
    )
    given_up = Delivery.objects.filter(
        status=Delivery.Status.FAILED, at__gt=Now() - timedelta(days=2), ended_at__gt=Now() - _HOUR
    )
    yield _DELIVERIES.of(
        {
            ("waiting",): waiting["waiting"],
            ("failing",): waiting["failing"],
            ("given_up",): given_up.order_by().count(),
        }
    )
    oldest = waiting["oldest"]
    yield _OLDEST.at(max(0.0, (database_now() - oldest).total_seconds()) if oldest else 0.0)
    yield _OFF.at(Webhook.objects.filter(active=False).exclude(off_reason="").count())
