"""Import of a backlog, all or nothing."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import AutoField, JSONField, Model
from psycopg import sql

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
    fields = backlog.project.model_dump()
    return project_insert(user=user, fields={**fields, "source": backlog.source})


def _cards(backlog: Backlog, project: Project) -> dict[str, UUID]:
    """The new cards' ids by their codes."""
    ids = {card.code: new_id() for card in backlog.cards}
    rows = (
        {**vars(card), "id": ids[card.code], "project_id": project.pk, "order": order}
        for order, card in enumerate(backlog.cards)
    )
    _insert(Card, rows)
    return ids


def _epics(backlog: Backlog, project: Project, cards: dict[str, UUID]) -> None:
    epics = [(new_id(), epic) for epic in backlog.epics]
    rows = (
        {**vars(epic), "id": pk, "project_id": project.pk, "order": order}
        for order, (pk, epic) in enumerate(epics)
    )
    _insert(Epic, rows)
    places = (
        {"epic_id": pk, "card_id": cards[code], "order": order}
        for pk, epic in epics
        for order, code in enumerate(epic.cards)
    )
    _insert(EpicCard, places)
    stories = (
        {"epic_id": pk, "project_id": project.pk, "order": order, **_story(story)}
        for pk, epic in epics
        for order, story in enumerate(epic.stories)
    )
    _insert(Story, stories)


def _story(story: BacklogStory) -> dict[str, Any]:
    quality = story.quality
    return {
        **vars(story),
        "id": new_id(),
        "quality_score": quality.score,
        "defects": quality.defects,
    }


def _insert(model: type[Model], rows: Iterable[Mapping[str, Any]]) -> None:
    """COPY the rows in, {column: value} each; what a row lacks is as the model has it by default,
    and what the table has no column for is left out.

    Without the model's objects, which took two thirds of an import's time and half of its memory.
    """
    fields = {
        str(field.column): field
        for field in model._meta.concrete_fields
        if not isinstance(field, AutoField) and not field.has_db_default()
    }
    usual = {column: field.get_default() for column, field in fields.items()}
    documents = [column for column, field in fields.items() if isinstance(field, JSONField)]
    command = sql.SQL("COPY {table} ({columns}) FROM STDIN").format(
        table=sql.Identifier(model._meta.db_table),
        columns=sql.SQL(", ").join(map(sql.Identifier, fields)),
    )
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        for row in rows:
            values = {**usual, **row}
            values |= {column: json.dumps(values[column]) for column in documents}
            copy.write_row([values[column] for column in fields])
