"""A project's rows for an export: page by page, so that its size takes no memory, and as they all
were at one moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection, transaction
from django.db.models import F, OuterRef, QuerySet
from django.db.models.functions import JSONObject

from batchgen.api.paging import beyond
from epics.models import Card, Epic, EpicCard, Project, Story, Subtask

#: Rows of a page. An epic comes with all of its stories, of which it has 200 at most.
_CARDS = 500
_EPICS = 20
_ORDER = ("order", "id")

Fields = dict[str, Any]
Row = TypeVar("Row", Card, Epic)

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
    return _paged(Card.objects.filter(project=project), _CARDS)


def epics_of(project: Project, *, subtasks: bool = False) -> Iterator[Epic]:
    """The project's epics in order, each with `card_codes`, and its stories as `story_list`.

    Args:
        subtasks: each story has its own, as `subtasks`.
    """
    places = EpicCard.objects.filter(epic=OuterRef("pk")).order_by("order", "id")
    fields: Fields = dict(_STORY)
    if subtasks:
        parts = Subtask.objects.filter(story=OuterRef("pk")).order_by("order", "id")
        fields["subtasks"] = ArraySubquery(parts.annotate(fields=_SUBTASK).values("fields"))
    stories = Story.objects.filter(epic=OuterRef("pk")).order_by("order", "id")
    epics = Epic.objects.filter(project=project).annotate(
        card_codes=ArraySubquery(places.values("card__code")),
        story_list=ArraySubquery(stories.annotate(fields=JSONObject(**fields)).values("fields")),
    )
    return _paged(epics, _EPICS)


def stories_of(project: Project) -> Iterator[tuple[Epic, list[Fields]]]:
    """The same, each with its stories, and these with their subtasks."""
    return ((epic, vars(epic)["story_list"]) for epic in epics_of(project, subtasks=True))


def _paged(rows: "QuerySet[Row]", size: int) -> Iterator[Row]:
    page = list(rows.order_by(*_ORDER)[:size])
    while page:
        yield from page
        if len(page) < size:
            return
        last = page[-1]
        after = beyond(list(_ORDER), [last.order, last.pk], "gt")
        page = list(rows.filter(after).order_by(*_ORDER)[:size])
