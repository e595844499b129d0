"""Every write to the backlog but the import. Each service is one transaction.

A write that has to look at the whole project (codes, places, dependencies) takes the project's
row first, so that two of them cannot build together what neither would allow. A PATCH raises the
version in the UPDATE that checks it and holds the row until commit.
"""

from collections.abc import Set
from copy import copy
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Func, Q, Value

from batchgen.errors import NotFound, ValidationFailed
from epics import bounds
from epics.files.document_consistency import dependency_cycle
from epics.history import Differences, code_follow, differences, edit_tell, row_remove
from epics.models import Card, Epic, EpicCard, Project, Story
from epics.quotas import projects_check
from epics.registry import change_tell, deletion_check, deletion_tell
from epics.writes import (
    Changes,
    apply_changes,
    claim_version,
    mark_outdated,
    next_order_and_code,
    project_insert,
    project_lock,
    refuse_taken_code,
    row_create,
)

#: What a prompt says of a project, an epic and a card; other changes leave stories up to date.
PROJECT_PROMPT = ("name", "description", "context", "language")
EPIC_PROMPT = (
    "title",
    "theme",
    "description",
    "business_value",
    "acceptance_criteria",
    "dependencies",
    "effort",
    "impact",
)
CARD_PROMPT = ("title", "persona", "statement", "problem", "systems")


@transaction.atomic
def project_create(*, user: User, fields: Changes) -> Project:
    """A new, empty project of the user.

    Raises:
        QuotaReached: the user has too many, or too much in them.
    """
    projects_check(user)
    return project_insert(user=user, fields=fields)


@transaction.atomic
def project_update(*, project_id: UUID, changes: Changes, version: int | None = None) -> None:
    """Change a project; where its prompt texts changed, the stories of its epics are outdated.

    Raises:
        VersionConflict, NotFound: as `claim_version`.
    """
    project_changed(
        project_id=project_id,
        changed=apply_changes(claim_version(Project, project_id, version), changes),
    )


def project_changed(*, project_id: UUID, changed: Set[str]) -> None:
    """Say of what was generated from the project's old texts that it is outdated."""
    if changed & set(PROJECT_PROMPT):
        mark_outdated(Epic.objects.filter(project_id=project_id))
    change_tell(project_id, changed)


@transaction.atomic
def project_delete(*, project_id: UUID) -> None:
    """Delete the project with all that belongs to it, its past runs too.

    Raises:
        BatchgenError: what is registered with `epics.registry` keeps it, such as an open run.
    """
    # Not `no_key`: a run that starts now waits for this lock, and then finds no project.
    project = Project.objects.select_for_update().filter(pk=project_id).first()
    if project is None:
        raise NotFound
    deletion_check(project_id)
    deletion_tell(Project, [project_id])
    Story.objects.filter(project_id=project_id).delete()
    EpicCard.objects.filter(epic__project_id=project_id).delete()
    project.delete()


@transaction.atomic
def card_create(*, project_id: UUID, fields: Changes) -> Card:
    """A new last card.

    Args:
        fields: of the model; `code` may be missing.

    Raises:
        ValidationFailed: the code is taken, or the project is full.
    """
    project_lock(project_id)
    place = next_order_and_code(Card, project_id, "C", bounds.MAX_CARDS)
    return row_create(Card(project_id=project_id, **place | fields))


@transaction.atomic
def card_update(
    *, card_id: UUID, changes: Changes, version: int | None = None, user: User | None = None
) -> None:
    """A person's change of a card; the stories of its epics count as outdated.

    Raises:
        VersionConflict, NotFound, ValidationFailed: stale; gone; the code is taken.
    """
    if "code" in changes:
        project_lock(_project_of(Card, card_id))
    card = claim_version(Card, card_id, version)
    refuse_taken_code(card, changes)
    before = copy(card)
    if apply_changes(card, changes) & set(CARD_PROMPT):
        mark_outdated(Epic.objects.filter(epic_cards__card=card_id))
    code_follow(card, before.code)
    edit_tell(card, differences(before, card), user=user)


@transaction.atomic
def card_delete(*, card_id: UUID, version: int | None = None, user: User | None = None) -> bool:
    """Delete a card; the stories of its epics count as outdated. Whether it was there.

    Raises:
        VersionConflict: it has another version than the given one by now.
    """
    card = Card.objects.filter(pk=card_id).only("project_id").first()
    if card is None:
        return False
    # As a run takes them that replaces cards or epics: of two in another order each would wait
    # for the other.
    project_lock(card.project_id)
    Card.objects.select_for_update().filter(pk=card_id).first()
    mark_outdated(Epic.objects.filter(epic_cards__card=card_id))
    return row_remove(Card, card_id, user=user, version=version)


@transaction.atomic
def epic_create(*, project_id: UUID, fields: Changes, card_codes: list[str]) -> Epic:
    """A new last epic; as `card_create`.

    Raises:
        ValidationFailed: also for an unknown card, an unknown dependency or a cycle of them.
    """
    project_lock(project_id)
    place = next_order_and_code(Epic, project_id, "E", bounds.MAX_EPICS)
    epic = row_create(Epic(project_id=project_id, **place | fields))
    _check_dependencies(epic)
    _place_cards(epic, card_codes)
    return epic


@transaction.atomic
def epic_update(
    *,
    epic_id: UUID,
    changes: Changes,
    card_codes: list[str] | None = None,
    version: int | None = None,
    user: User | None = None,
) -> None:
    """A person's change of an epic. A new code is also written where other epics depend on it.

    Raises:
        VersionConflict, NotFound: as `claim_version`.
        ValidationFailed: as `epic_create`.
    """
    project_lock(_project_of(Epic, epic_id))
    if "code" in changes:
        _hold_with_dependents(epic_id)
    epic = claim_version(Epic, epic_id, version)
    refuse_taken_code(epic, changes)
    before = copy(epic)
    changed = apply_changes(epic, changes)
    if "code" in changed:
        _rewrite_dependents(epic.project_id, before.code, "array_replace", Value(epic.code))
        epic.refresh_from_db(fields=["dependencies"])
        code_follow(epic, before.code)
    if changed & {"dependencies", "code"}:
        _check_dependencies(epic)
    moved = {} if card_codes is None else _place_cards(epic, card_codes)
    if moved or changed & set(EPIC_PROMPT):
        mark_outdated(Epic.objects.filter(pk=epic_id))
    edit_tell(epic, differences(before, epic) | moved, user=user)


@transaction.atomic
def epic_delete(*, epic_id: UUID, version: int | None = None, user: User | None = None) -> bool:
    """Delete an epic with its stories, and from what depends on it; whether it was there.

    Raises:
        VersionConflict: it has another version than the given one by now.
    """
    epic = Epic.objects.filter(pk=epic_id).first()
    if epic is None:
        return False
    project_lock(epic.project_id)
    deletion_tell(Epic, [epic.pk])
    deletion_tell(Story, list(epic.stories.values_list("pk", flat=True)))
    if code := _hold_with_dependents(epic_id):
        _rewrite_dependents(epic.project_id, code, "array_remove")
    return row_remove(Epic, epic_id, user=user, version=version)


def _project_of(model: type[Card] | type[Epic], pk: UUID) -> UUID:
    project_id = model._default_manager.filter(pk=pk).values_list("project_id", flat=True).first()
    if project_id is None:
        raise NotFound
    return project_id


def _check_dependencies(epic: Epic) -> None:
    if not epic.dependencies:
        return
    rows = Epic.objects.filter(project_id=epic.project_id).values_list("code", "dependencies")
    graph = dict(rows)
    unknown = [code for code in epic.dependencies if code not in graph]
    if unknown:
        message = f"There is no epic with the code {', '.join(unknown)}."
    elif len(set(epic.dependencies)) < len(epic.dependencies):
        message = "An epic is named twice."
    elif cycle := dependency_cycle(graph):
        message = f"The dependencies form a cycle: {cycle}."
    else:
        return
    raise ValidationFailed("The input is not valid.", dependencies=[message])


def _place_cards(epic: Epic, codes: list[str]) -> Differences:
    """Put exactly these cards into the epic, in this order; nothing when they are there already."""
    places = EpicCard.objects.filter(epic=epic).order_by("order", "id")
    before = list(places.values_list("card__code", flat=True))
    if before == codes:
        return {}
    cards = dict(
        Card.objects.filter(project_id=epic.project_id, code__in=codes).values_list("code", "id")
    )
    unknown = [code for code in codes if code not in cards]
    if unknown:
        message = f"There is no card with the code {', '.join(unknown[:20])}."
        raise ValidationFailed("The input is not valid.", cardCodes=[message])
    if len(set(codes)) < len(codes):
        raise ValidationFailed("The input is not valid.", cardCodes=["A card is named twice."])
    places.delete()
    EpicCard.objects.bulk_create(
        EpicCard(epic=epic, card_id=cards[code], order=order) for order, code in enumerate(codes)
    )
    return {"card_codes": (before, codes)}


def _hold_with_dependents(epic_id: UUID) -> str | None:
    """Take an epic and those that depend on it in the order in which everybody takes them; its
    code, None where it is gone. The project must be locked."""
    epic = Epic.objects.filter(pk=epic_id).only("project_id", "code").first()
    if epic is None:
        return None
    dependents = Q(project_id=epic.project_id, dependencies__contains=[epic.code])
    held = Epic.objects.select_for_update(no_key=True).filter(Q(pk=epic_id) | dependents)
    list(held.order_by("pk").values_list("pk"))
    return epic.code


def _rewrite_dependents(project_id: UUID, code: str, function: str, *new: Value) -> None:
    Epic.objects.filter(project_id=project_id, dependencies__contains=[code]).update(
        dependencies=Func(F("dependencies"), Value(code), *new, function=function),
        version=F("version") + 1,
    )
