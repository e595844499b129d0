"""Import of a backlog, all or nothing."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from batchgen.db.copying import rows_copy
from batchgen.db.ids import new_id
from epics.files.backlog_document import Backlog, BacklogEpic, BacklogStory, backlog_parse
from epics.models import Card, Epic, EpicCard, Project, Story, Subtask
from epics.quotas import projects_check
from epics.writes import project_insert

#: Columns that the database has defaults for.
_REVIEWED = ("review_status", "review_note")


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
    subtasks = sum(len(story.subtasks) for epic in backlog.epics for story in epic.stories)
    with transaction.atomic():
        projects_check(user, rows=len(backlog.cards) + len(backlog.epics) + stories + subtasks)
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
    rows_copy(Card, rows, given=("themes", "quote"))
    return ids


def _epics(backlog: Backlog, project: Project, cards: dict[str, UUID]) -> None:
    epics = [(new_id(), epic) for epic in backlog.epics]
    rows = (
        {**vars(epic), "id": pk, "project_id": project.pk, "order": order}
        for order, (pk, epic) in enumerate(epics)
    )
    rows_copy(Epic, rows, given=("origin", *_REVIEWED))
    places = (
        {"epic_id": pk, "card_id": cards[code], "order": order}
        for pk, epic in epics
        for order, code in enumerate(epic.cards)
    )
    rows_copy(EpicCard, places)
    _stories(project, epics)


def _stories(project: Project, epics: Sequence[tuple[UUID, BacklogEpic]]) -> None:
    subtasks: list[dict[str, Any]] = []
    stories = (
        {"epic_id": pk, "project_id": project.pk, "order": order, **_story(story, subtasks)}
        for pk, epic in epics
        for order, story in enumerate(epic.stories)
    )
    rows_copy(Story, stories, given=_REVIEWED)
    owned = ({**subtask, "project_id": project.pk} for subtask in subtasks)
    rows_copy(Subtask, owned, given=_REVIEWED)


def _story(story: BacklogStory, subtasks: list[dict[str, Any]]) -> dict[str, Any]:
    """Its row; those of its subtasks are added to these."""
    quality, pk = story.quality, new_id()
    subtasks += [
        {**vars(subtask), "id": new_id(), "story_id": pk, "order": order}
        for order, subtask in enumerate(story.subtasks)
    ]
    return {
        **vars(story),
        "id": pk,
        "quality_score": quality.score,
        "defects": quality.defects,
    }
