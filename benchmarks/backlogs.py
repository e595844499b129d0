"""Backlogs of any size, all of the same short texts."""

from django.contrib.auth.models import User

from epics import services
from epics.models import Card, Epic, EpicCard, Project

_CARDS = 10
_CARDS_OF_AN_EPIC = 5
_BATCH = 5000


def project_create(*, epics: int) -> Project:
    """A project with so many epics of 5 cards each."""
    owner, _ = User.objects.get_or_create(username="benchmark")
    fields = {"name": "Benchmark", "description": "Reports for a small shop."}
    project = services.project_create(user=owner, fields=fields)
    cards = Card.objects.bulk_create(_card(project, number) for number in range(1, _CARDS + 1))
    rows = Epic.objects.bulk_create(
        (_epic(project, number) for number in range(1, epics + 1)), batch_size=_BATCH
    )
    places = (
        EpicCard(epic=epic, card=card, order=order)
        for epic in rows
        for order, card in enumerate(cards[:_CARDS_OF_AN_EPIC])
    )
    EpicCard.objects.bulk_create(places, batch_size=_BATCH)
    return project


def _card(project: Project, number: int) -> Card:
    return Card(
        project=project,
        code=f"C{number}",
        order=number,
        title=f"See report {number}",
        persona="Analyst",
        statement=f"As an analyst, I want to see report {number}, so that I can decide.",
        systems=["Reports"],
    )


def _epic(project: Project, number: int) -> Epic:
    return Epic(
        project=project,
        code=f"E{number}",
        order=number,
        title=f"Reports {number}",
        theme="Reports",
        description=f"Everything an analyst needs to read the reports of area {number}.",
    )
