from django.apps import AppConfig

from epics.registry import Content, content_register


class PagesConfig(AppConfig):
    name = "content.pages"
    label = "pages"

    def ready(self) -> None:
        """Have the content of pages known as what is edited and reviewed."""
        # They are not there yet when this module is imported.
        from content.pages.models import Page  # noqa: PLC0415  # see above

        content_register(
            Content(
                kind="page",
                model=Page,
                parent="project_id",
                fields=("meta_title", "meta_description", "content_components"),
            )
        )
