"""What a person chooses for a run that writes stories."""

from django.db.models import TextChoices

from content.kind import Options


class Mode(TextChoices):
    CONCISE = "concise"
    STANDARD = "standard"
    COMPREHENSIVE = "comprehensive"


class PersonaSet(TextChoices):
    CORE = "core"
    EXTENDED = "extended"
    CARDS = "cards"


class StoriesOptions(Options):
    """`keep_edited`, `keep_approved`: stories that a person edited or approved, or one of their
    subtasks, are not replaced, and those written around them take other codes."""

    mode: Mode = Mode.STANDARD
    persona_set: PersonaSet = PersonaSet.CORE
    skip_quality_check: bool = False
    keep_edited: bool = True
    keep_approved: bool = True
