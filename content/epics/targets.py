"""The project that epics can be written for: itself, where it has cards."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Sum
from django.db.models.functions import Coalesce, Length

from content.epics.sizes import estimated_tokens
from content.kind import Reason, Target, project_code
from epics.models import Card, Project

#: (more cards than, points)
_SIZES = ((200, 30), (50, 20), (0, 10))


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectFacts:
    """What a run's computed priority looks at."""

    cards: int


def project_to_cut(project: Project, ids: Sequence[UUID] | None) -> list[Target]:
    """The project as the one target, unless others are asked for or it has no cards."""
    if ids is not None and project.pk not in ids:
        return []
    found = Card.objects.filter(project=project).aggregate(
        cards=Count("id"),
        characters=Coalesce(Sum(Length("title") + Length("statement")), 0),
    )
    if not found["cards"]:
        return []
    return [
        Target(
            id=project.pk,
            code=project_code(project),
            title=project.name,
            input_tokens=estimated_tokens(found["cards"], found["characters"]),
            facts=ProjectFacts(cards=found["cards"]),
        )
    ]


def project_reasons(targets: Sequence[Target]) -> tuple[Reason, ...]:
    """What speaks for a run: how many cards wait."""
    cards = sum([target.facts.cards for target in targets])
    points = next((points for most, points in _SIZES if cards > most), 0)
    return (Reason(factor="size", points=points, message=f"{cards} cards."),) if points else ()
