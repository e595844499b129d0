from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RunsConfig(AppConfig):
    name = "runs"

    def ready(self) -> None:
        """Have every pacing profile in the database, from the first migration on."""
        post_migrate.connect(profiles_ensure, sender=self)


def profiles_ensure(sender: AppConfig, **_: Any) -> None:
    """Add the pacing profiles that are missing; those that are there stay as they are."""
    # The models are not there yet when this module is imported.
    from runs.models import PacingProfile  # noqa: PLC0415  # see above
    from runs.pacing import PROFILES  # noqa: PLC0415  # see above

    PacingProfile.objects.bulk_create(
        (PacingProfile(name=name, **pace.as_dict()) for name, pace in PROFILES.items()),
        ignore_conflicts=True,
    )
