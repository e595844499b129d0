"""Helpers of the services: optimistic locking, the next free code and order, outdated stories."""

from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Case, Exists, F, Max, OuterRef, When

from batchgen.errors import NotFound, ValidationFailed, VersionConflict
from epics.models import Card, Epic, Membership, Project, Story

T = TypeVar("T", bound=models.Model)
Coded = TypeVar("Coded", Card, Epic)
Changes = dict[str, Any]


def project_insert(*, user: User, fields: Changes) -> Project:
    """A new project, of which the user is an owner. Call it inside a transaction."""
    project = Project.objects.create(created_by_id=user.pk, **fields)
    Membership.objects.create(project=project, user_id=user.pk, role=Membership.Role.OWNER)
    return project


def claim_version(model: type[T], pk: UUID, version: int | None) -> T:
    """Raise the row's version and hold the row until commit; the UPDATE's WHERE is the check.

    Raises:
        VersionConflict: it has another version by now.
        NotFound: there is no such row any more.
    """
    rows = model._default_manager.filter(pk=pk)
    wanted = rows if version is None else rows.filter(version=version)
    if wanted.update(version=F("version") + 1) != 1:
        found = rows.values_list("version", flat=True).first()
        raise NotFound if found is None else VersionConflict(version=found)
    return rows.get()


def apply_changes(row: models.Model, changes: Changes) -> set[str]:
    """Store the changes that are any, and return their names."""
    changed = {name for name, value in changes.items() if getattr(row, name) != value}
    for name in changed:
        setattr(row, name, changes[name])
    if changed:
        touched = {"updated_at"} if isinstance(row, Project) else set()
        row.save(update_fields=changed | touched)
    return changed


def project_lock(project_id: UUID) -> None:
    """Make other writers that look at the whole project wait for this transaction.

    Raises:
        NotFound: there is no such project any more.
    """
    # `no_key`: stories and runs that only refer to the project need not wait.
    if not Project.objects.select_for_update(no_key=True).filter(pk=project_id).exists():
        raise NotFound


def next_order_and_code(model: type[Coded], project_id: UUID, letter: str, most: int) -> Changes:
    """The order and a free code for a new last row. The project must be locked."""
    rows = model._default_manager.filter(project_id=project_id)
    if rows.count() >= most:
        raise ValidationFailed(f"The project is full: it has {most} of these.")
    last = rows.aggregate(last=Max("order"))["last"]
    order = 0 if last is None else last + 1
    taken = set(rows.filter(code__startswith=letter).values_list("code", flat=True))
    number = next(
        n for n in range(order + 1, order + 2 + len(taken)) if f"{letter}{n}" not in taken
    )
    return {"order": order, "code": f"{letter}{number}"}


def row_create(row: Coded) -> Coded:
    """Store a new row. The project must be locked.

    Raises:
        ValidationFailed: its code is taken.
    """
    refuse_taken_code(row, {"code": row.code})
    row.save(force_insert=True)
    return row


def refuse_taken_code(row: Coded, changes: Changes) -> None:
    """Check that a new code is free in the project, in any case; the project must be locked.

    Raises:
        ValidationFailed: another row has it.
    """
    code = changes.get("code")
    others = (
        type(row)
        ._default_manager.filter(project_id=row.project_id, code__iexact=code)
        .exclude(pk=row.pk)
    )
    if code is not None and others.exists():
        raise ValidationFailed(
            "The input is not valid.", code=[f"The code {code} is taken in this project."]
        )


def mark_outdated(epics: "models.QuerySet[Epic]") -> None:
    """Say of those that have stories that these were generated from something else; a run that
    is generating one of them is told by its revision."""
    # In the order in which everybody takes them.
    list(epics.select_for_update(no_key=True, of=("self",)).order_by("pk").values_list("pk"))
    has_stories = Exists(Story.objects.filter(epic=OuterRef("pk")))
    Epic.objects.filter(pk__in=epics.values("pk")).update(
        prompt_revision=F("prompt_revision") + 1,
        stories_outdated=Case(When(has_stories, then=True), default=F("stories_outdated")),
    )
