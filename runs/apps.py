"""The app of runs: what it does once, when Django has loaded all apps."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_delete

from epics.registry import (
    deletion_guard_register,
    deletion_listener_register,
    figure_register,
)


class RunsConfig(AppConfig):
    name = "runs"

    def ready(self) -> None:
        """Have every pacing profile in the database, from the first migration on; and tell the
        backlog what it is to ask of runs."""
        post_migrate.connect(profiles_ensure, sender=self)
        pre_delete.connect(_run_goes, sender="runs.Run")
        # The models are not there yet when this module is imported.
        from epics.models import Project, Upload  # noqa: PLC0415  # see above
        from runs.engine.open_targets import targets_gone  # noqa: PLC0415  # see above
        from runs.reads import projects, targets  # noqa: PLC0415  # see above

        figure_register(Project, "active_run_id", projects.active_run_id)
        figure_register(Upload, "failure", targets.last_failure)
        deletion_guard_register(projects.open_run_refuse)
        deletion_listener_register(targets_gone)


def _run_goes(sender: object, **given: Any) -> None:
    # The models are not there yet when this module is imported.
    from runs.engine.deletion import calls_give_up  # noqa: PLC0415  # see above

    calls_give_up(given["instance"])


def profiles_ensure(sender: AppConfig, **_: Any) -> None:
    """Add the pacing profiles that are missing; those that are there stay as they are."""
    # The models are not there yet when this module is imported.
    from runs.models import PacingProfile  # noqa: PLC0415  # see above
    from runs.pacing import PROFILES  # noqa: PLC0415  # see above

    PacingProfile.objects.bulk_create(
        (PacingProfile(name=name, **pace.as_dict()) for name, pace in PROFILES.items()),
        ignore_conflicts=True,
    )
