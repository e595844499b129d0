"""Who is a member of a project. Each service is one transaction.

All of them take the project's row first, so that two owners who remove each other at the same
moment cannot leave the project without one.
"""

from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from batchgen.errors import NotFound, ValidationFailed
from epics.access import Role
from epics.models import Membership
from epics.writes import project_lock

_LAST_OWNER = "A project keeps an owner. Make somebody else an owner first."


@transaction.atomic
def member_add(*, project_id: UUID, username: str, role: str) -> Membership:
    """Give a user a role in the project.

    Raises:
        ValidationFailed: there is no active user of exactly this name, or it is a member already.
    """
    project_lock(project_id)
    user = User.objects.filter(username=User.normalize_username(username), is_active=True).first()
    if user is None:
        raise _refusal("username", "There is no user of this name. Give it exactly as it is.")
    member, added = Membership.objects.get_or_create(
        project_id=project_id, user=user, defaults={"role": role}
    )
    if not added:
        raise _refusal("username", f"{username} is a member already, with the role {member.role}.")
    return member


@transaction.atomic
def member_change(*, member_id: UUID, role: str) -> None:
    """Give a member another role.

    Raises:
        NotFound: it is no member any more.
        ValidationFailed: it is the last owner.
    """
    member = _taken(member_id)
    if role != Role.OWNER:
        _keep_an_owner(member, field="role")
    Membership.objects.filter(pk=member_id).update(role=role)


@transaction.atomic
def member_remove(*, member_id: UUID) -> None:
    """Take a user's role in the project away; raises as `member_change`."""
    member = _taken(member_id)
    _keep_an_owner(member, field="nonFieldErrors")
    member.delete()


def _taken(member_id: UUID) -> Membership:
    """The member, with its project locked."""
    project_id = (
        Membership.objects.filter(pk=member_id).values_list("project_id", flat=True).first()
    )
    if project_id is None:
        raise NotFound
    project_lock(project_id)
    member = Membership.objects.filter(pk=member_id).first()
    if member is None:
        raise NotFound
    return member


def _keep_an_owner(member: Membership, *, field: str) -> None:
    others = Membership.objects.filter(project_id=member.project_id, role=Role.OWNER)
    if member.role == Role.OWNER and not others.exclude(pk=member.pk).exists():
        raise _refusal(field, _LAST_OWNER)


def _refusal(field: str, message: str) -> ValidationFailed:
    return ValidationFailed("The input is not valid.", **{field: [message]})
