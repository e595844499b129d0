"""What a person may start, where a content kind is registered that is started so."""

from django.db.models import TextChoices


class RunType(TextChoices):
    ANALYZE_CARDS = "ANALYZE_CARDS"
    GENERATE_EPICS = "GENERATE_EPICS"
    GENERATE_STORIES = "GENERATE_STORIES"
    GENERATE_ALL_STORIES = "GENERATE_ALL_STORIES"
    GENERATE_SUBTASKS = "GENERATE_SUBTASKS"
    GENERATE_PAGES = "GENERATE_PAGES"
    EXPORT = "EXPORT"


#: Of these a project may have several active runs.
MANY_AT_ONCE = (RunType.GENERATE_STORIES, RunType.GENERATE_PAGES, RunType.EXPORT)
