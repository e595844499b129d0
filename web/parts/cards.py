"""Cards, as they are listed, read, edited and deleted; nobody reviews them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from epics import bounds, selectors, services
from epics.access import Role
from epics.api.serializers import CardPatch
from epics.models import Card, Project
from web.parts.backlog import TITLE
from web.parts.part import Part
from web.shapes import LONG, WORDS, Field


def _card(user: User, card_id: UUID, role: Role) -> Card:
    return selectors.part_for(Card, part_id=card_id, user=user, role=role)


def _card_update(card_id: UUID, changes: dict[str, Any], version: int, user: User) -> None:
    services.card_update(card_id=card_id, changes=changes, version=version, user=user)


def _card_delete(card_id: UUID, version: int, user: User) -> bool:
    return services.card_delete(card_id=card_id, version=version, user=user)


def _cards(project: Project, query: Mapping[str, str]) -> "QuerySet[Card]":
    return selectors.cards_list(project=project, search=query.get("q", "")).queryset()


def _facts(row: Card) -> list[str]:
    return [each for each in (row.persona, ", ".join(row.systems)) if each]


CARD = Part(
    kind="card",
    words=("card", "cards"),
    tab="cards",
    title=TITLE,
    fields=(
        TITLE,
        Field(name="persona", label="Persona", column="persona", most=bounds.NAME_CHARS),
        Field(
            name="statement",
            label="Statement",
            column="statement",
            shape=LONG,
            most=bounds.TEXT_CHARS,
            help="What somebody needs, and what for.",
        ),
        Field(
            name="problem",
            label="Problem",
            column="problem",
            shape=LONG,
            most=bounds.TEXT_CHARS,
        ),
        Field(name="systems", label="Systems", column="systems", shape=WORDS, help="One a line."),
        Field(name="themes", label="Themes", column="themes", shape=WORDS, help="One a line."),
        Field(
            name="quote",
            label="Quote",
            column="quote",
            shape=LONG,
            most=bounds.QUOTE_CHARS,
            help="The words that it rests on.",
        ),
    ),
    patch=CardPatch,
    read=_card,
    update=_card_update,
    delete=_card_delete,
    listed=_cards,
    filters={},
    keys=("order", "id"),
    text=lambda row: row.statement,
    facts=_facts,
    reviews=False,
)
