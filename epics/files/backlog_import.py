"""Import of a backlog, all or nothing."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from batchgen.db.copying import rows_copy
from batchgen.db.ids import new_id
from epics.files.backlog_document import Backlog, BacklogStory, backlog_parse
from epics.models import Card, Epic, EpicCard, Project, Story
from epics.quotas import projects_check
from epics.writes import project_insert


def backlog_import(*, user: User, document: object) -> Project:
    """Store the document as a new project of the user. All or nothing.

    Args:
        document: JSON as `epics.files.backlog_document.Backlog` has it.

    Raises:
        ValidationFailed: it has problems; details name them.
        QuotaReached: the user has too many projects, or too much in them.
    """
    backlog = backlog_parse(document)
    stories = sum(len(epic.stories) for epic in backlog.epics)
    with transaction.atomic():
        projects_check(user, rows=len(backlog.cards) + len(backlog.epics) + stories)
        project = _project(backlog, user)
        cards = _cards(backlog, project)
        _epics(backlog, project, cards)
    return project


def _project(backlog: Backlog, user: User) -> Project:
    voice = backlog.project.brand_voice
    fields = {
        **backlog.project.model_dump(exclude={"brand_voice"}),
        "brand_voice": voice and voice.model_dump(by_alias=True),
        "source": backlog.source,
    }
    return project_insert(user=user, fields=fields)


def _cards(backlog: Backlog, project: Project) -> dict[str, UUID]:
    """The new cards' ids by their codes."""
    ids = {card.code: new_id() for card in backlog.cards}
    rows = (
        {**vars(card), "id": ids[card.code], "project_id": project.pk, "order": order}
        for order, card in enumerate(backlog.cards)
    )
    rows_copy(Card, rows)
    return ids


def _epics(backlog: Backlog, project: Project, cards: dict[str, UUID]) -> None:
    epics = [(new_id(), epic) for epic in backlog.epics]
    rows = (
        {**vars(epic), "id": pk, "project_id": project.pk, "order": order}
        for order, (pk, epic) in enumerate(epics)
    )
    rows_copy(Epic, rows, given=("origin",))
    places = (
        {"epic_id": pk, "card_id": cards[code], "order": order}
        for pk, epic in epics
        for order, code in enumerate(epic.cards)
    )
    rows_copy(EpicCard, places)
    stories = (
        {"epic_id": pk, "project_id": project.pk, "order": order, **_story(story)}
        for pk, epic in epics
        for order, story in enumerate(epic.stories)
    )
    rows_copy(Story, stories)


def _story(story: BacklogStory) -> dict[str, Any]:
    quality = story.quality
    return {
        **vars(story),
        "id": new_id(),
        "quality_score": quality.score,
        "defects": quality.defects,
    }
