from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "workers"

    def ready(self) -> None:
        """Connect to Celery's signals; they fire in worker processes only."""
        from workers import signals  # noqa: F401, PLC0415  # needs the app registry
