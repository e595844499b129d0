from django.apps import AppConfig

from epics.registry import deletion_listener_register


class ExportConfig(AppConfig):
    name = "content.export"
    label = "export"

    def ready(self) -> None:
        """Have a project's files go with it."""
        # The models are not there yet when this module is imported.
        from content.export.files import project_files_gone  # noqa: PLC0415  # see above

        deletion_listener_register(project_files_gone)
