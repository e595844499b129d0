"""The epics that stories can be written for, in the order in which a run takes them."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Sum
from django.db.models.functions import Coalesce, Length

from content.kind import Target
from content.stories.priority import EpicFacts, epic_score
from epics.models import Epic, Project, Story

#: Rough size of a prompt's fixed part, and characters to a token, for the estimate of an epic.
_PROMPT_CHARACTERS = 4000
_CHARACTERS_PER_TOKEN = 3.6


def epics_to_write(project: Project, ids: Sequence[UUID] | None) -> list[Target]:
    """The project's epics, or those of these ids, in order, with `EpicFacts`."""
    epics = Epic.objects.filter(project=project)
    if ids is not None:
        epics = epics.filter(id__in=ids)
    found = epics.annotate(
        card_characters=Coalesce(Sum(Length("cards__statement")), 0),
        card_count=Count("cards"),
        has_stories=Exists(Story.objects.filter(epic=OuterRef("pk"))),
    )
    return [_target(epic) for epic in sorted(found, key=_place)]


def _place(epic: Epic) -> tuple[bool, int, int, int]:
    """First those that a person gave a priority, then by what speaks for them."""
    given = epic.priority is not None
    return (not given, epic.priority or 0, -epic_score(_facts(epic)), epic.order)


def _facts(epic: Epic) -> EpicFacts:
    facts = vars(epic)
    return EpicFacts(
        cards=facts["card_count"],
        impact=epic.impact,
        has_stories=facts["has_stories"],
        outdated=epic.stories_outdated,
    )


def _target(epic: Epic) -> Target:
    cards: int = vars(epic)["card_characters"]
    characters = _PROMPT_CHARACTERS + len(epic.title) + len(epic.description) + cards
    return Target(
        id=epic.pk,
        code=epic.code,
        title=epic.title,
        input_tokens=round(characters / _CHARACTERS_PER_TOKEN),
        facts=_facts(epic),
    )
