"""A project's rows for an export: page by page, so that its size takes no memory, and as they all
were at one moment."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection, transaction
from django.db.models import F, OuterRef, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import JSONObject

from batchgen.api.paging import beyond
from epics.models import Card, Epic, EpicCard, Project, Story, Subtask

#: Rows of a page, so that it has some 50 MB where every text is as long as it may be.
_CARDS = 500
_EPICS = 50
_STORIES = 25
_ORDER = ("order", "id")
#: Where the ids of a page's stories stand among a statement's parameters.
_IDS: list[UUID] = []

Fields = dict[str, Any]
Row = TypeVar("Row", Card, Epic)
_NO_MORE: tuple[None, Iterator[Any]] = (None, iter(()))

_SUBTASK = JSONObject(
    code="code",
    title="title",
    description="description",
    kind="kind",
    effortHours="effort_hours",
    criteria="criteria",
    editedAt="edited_at",
    reviewStatus="review_status",
    reviewNote="review_note",
)
_STORY = {
    "code": F("code"),
    "title": F("title"),
    "userStory": F("user_story"),
    "persona": F("persona"),
    "acceptanceCriteria": F("acceptance_criteria"),
    "technicalNotes": F("technical_notes"),
    "priority": F("priority"),
    "effort": F("effort"),
    "score": F("quality_score"),
    "defects": F("defects"),
    "editedAt": F("edited_at"),
    "reviewStatus": F("review_status"),
    "reviewNote": F("review_note"),
}


@contextmanager
def one_moment() -> Iterator[None]:
    """All that is read inside is as it was at the first statement, whoever writes meanwhile.

    Inside of somebody's transaction it is that transaction's to say.
    """
    inside = connection.in_atomic_block
    with transaction.atomic(savepoint=False):
        if not inside:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def cards_of(project: Project) -> Iterator[Card]:
    """The project's cards, in order."""
    return chain.from_iterable(_pages(Card.objects.filter(project=project), _CARDS))


def stories_of(
    project: Project, *, subtasks: bool = True
) -> Iterator[tuple[Epic, Iterator[Fields]]]:
    """The project's epics in order, each with `card_codes`, and its stories, which are read while
    they are taken: take them before the next epic.

    Args:
        subtasks: each story has its own, as `subtasks`.
    """
    places = EpicCard.objects.filter(epic=OuterRef("pk")).order_by("order", "id")
    epics = Epic.objects.filter(project=project).annotate(
        card_codes=ArraySubquery(places.values("card__code"))
    )
    for page in _pages(epics, _EPICS):
        stories = groupby(_stories(page, subtasks=subtasks), key=itemgetter(0))
        epic_id, found = next(stories, _NO_MORE)
        for epic in page:
            if epic_id != epic.pk:
                yield epic, iter(())
                continue
            yield epic, map(itemgetter(1), found)
            epic_id, found = next(stories, _NO_MORE)


def _stories(epics: Sequence[Epic], *, subtasks: bool) -> Iterator[tuple[UUID, Fields]]:
    """Stories of these epics, which are in order, with the epic of each."""
    fields: Fields = dict(_STORY)
    if subtasks:
        parts = Subtask.objects.filter(story=OuterRef("pk")).order_by("order", "id")
        fields["subtasks"] = ArraySubquery(parts.annotate(fields=_SUBTASK).values("fields"))
    place = {epic.pk: number for number, epic in enumerate(epics)}
    rows = Story.objects.filter(epic__in=epics).order_by("order", "id").values_list("epic", "pk")
    ids = iter([pk for _, pk in sorted(rows, key=lambda row: place[row[0]])])
    read = Story.objects.filter(pk__in=RawSQL("SELECT unnest(%s::uuid[])", (_IDS,)))
    read = read.order_by().annotate(fields=JSONObject(**fields))
    # Built once: a page has few stories, and building it takes longer than what it finds.
    sql, params = read.values_list("pk", "epic", "fields").query.sql_with_params()
    while some := list(islice(ids, _STORIES)):
        with connection.cursor() as cursor:
            cursor.execute(sql, [some if param is _IDS else param for param in params])
            found = {pk: (epic_id, json.loads(row)) for pk, epic_id, row in cursor.fetchall()}
        yield from (found[pk] for pk in some if pk in found)


def _pages(rows: "QuerySet[Row]", size: int) -> Iterator[list[Row]]:
    page = list(rows.order_by(*_ORDER)[:size])
    while page:
        yield page
        if len(page) < size:
            return
        after = beyond(list(_ORDER), [page[-1].order, page[-1].pk], "gt")
        page = list(rows.filter(after).order_by(*_ORDER)[:size])
