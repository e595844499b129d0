"""The app of webhooks: what it asks the engine to be told, once Django has loaded all apps."""

from django.apps import AppConfig

from runs.engine.news import news_listener_register


class WebhooksConfig(AppConfig):
    name = "runs.webhooks"
    label = "webhooks"

    def ready(self) -> None:
        """Have the news of runs written down for the hooks that want them, and what waits told."""
        # The models are not there yet when this module is imported.
        from runs.reads.gauges import READERS  # noqa: PLC0415  # see above
        from runs.webhooks.outbox import run_tell  # noqa: PLC0415  # see above
        from runs.webhooks.webhook_metrics import of_webhooks  # noqa: PLC0415  # see above

        news_listener_register(run_tell)
        READERS["database"].append(of_webhooks)
