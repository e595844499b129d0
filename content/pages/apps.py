from django.apps import AppConfig

from epics.registry import (
    Content,
    change_listener_register,
    content_register,
    row_count_register,
)


class PagesConfig(AppConfig):
    name = "content.pages"
    label = "pages"

    def ready(self) -> None:
        """Have pages known as what is reviewed, counted, and outdated with their project."""
        # Models are not there yet when this module is imported.
        from content.pages.models import Page  # noqa: PLC0415  # see above
        from content.pages.selectors import HAS_CONTENT  # noqa: PLC0415  # see above
        from content.pages.services import (  # noqa: PLC0415  # see above
            PAGE_CONTENT,
            pages_outdate,
            project_rows,
        )

        content_register(
            Content(
                kind="page",
                model=Page,
                parent="project_id",
                fields=PAGE_CONTENT,
                written=HAS_CONTENT,
            )
        )
        change_listener_register(pages_outdate)
        row_count_register(project_rows)
