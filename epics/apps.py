"""The app of the backlog: what it does once, when Django has loaded all apps."""

from django.apps import AppConfig

from epics.registry import Content, content_register


class EpicsConfig(AppConfig):
    name = "epics"

    def ready(self) -> None:
        """Have cards, epics, stories and subtasks known as what is edited and reviewed."""
        # They are not there yet when this module is imported.
        from epics.models import Card, Epic, Story, Subtask  # noqa: PLC0415  # see above

        texts = ("title", "persona", "statement", "problem", "systems", "themes", "quote")
        content_register(
            Content(kind="card", model=Card, parent="project_id", fields=("code", *texts))
        )
        content_register(
            Content(
                kind="epic",
                model=Epic,
                parent="project_id",
                fields=(
                    "code",
                    "title",
                    "theme",
                    "description",
                    "business_value",
                    "acceptance_criteria",
                    "dependencies",
                    "effort",
                    "impact",
                    "priority",
                ),
            )
        )
        content_register(
            Content(
                kind="story",
                model=Story,
                parent="epic_id",
                fields=(
                    "title",
                    "user_story",
                    "persona",
                    "acceptance_criteria",
                    "technical_notes",
                    "priority",
                    "effort",
                ),
            )
        )
        content_register(
            Content(
                kind="subtask",
                model=Subtask,
                parent="story_id",
                fields=("title", "description", "kind", "effort_hours", "order", "criteria"),
            )
        )
