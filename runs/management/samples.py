"""A little of what an item made, for the terminal."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import QuerySet

from epics.models import Card, Epic, Story, Subtask
from runs.models import RunItem

#: What is shown of one piece: its name, and its text.
Sample = tuple[str, str]
_SHOWN = 2


def samples_of(item: RunItem) -> list[Sample]:
    """The first pieces that the item's run made of its target; none of kinds that show none."""
    show = _OF_KIND.get(item.kind)
    return list(show(item)) if show else []


def _cards(item: RunItem) -> Iterable[Sample]:
    for card in _first(Card.objects.filter(upload=item.target_id, run_id=item.run_id)):
        yield str(card), card.statement


def _epics(item: RunItem) -> Iterable[Sample]:
    for epic in _first(Epic.objects.filter(project=item.target_id, run_id=item.run_id)):
        yield str(epic), epic.description


def _stories(item: RunItem) -> Iterable[Sample]:
    for story in _first(Story.objects.filter(epic=item.target_id, run_id=item.run_id)):
        yield str(story), story.user_story


def _subtasks(item: RunItem) -> Iterable[Sample]:
    for subtask in _first(Subtask.objects.filter(story=item.target_id, run_id=item.run_id)):
        yield str(subtask), f"{subtask.kind}, {subtask.effort_hours:g} h"


def _first(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.order_by("order")[:_SHOWN]


_OF_KIND: dict[str, Callable[[RunItem], Iterable[Sample]]] = {
    "cards": _cards,
    "epics": _epics,
    "stories": _stories,
    "subtasks": _subtasks,
}
