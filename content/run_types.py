"""What a person may start."""

from django.db.models import TextChoices


class RunType(TextChoices):
    GENERATE_STORIES = "GENERATE_STORIES"
    GENERATE_ALL_STORIES = "GENERATE_ALL_STORIES"
