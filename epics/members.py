"""Membership and invitations. Each service is one transaction.

All of them take the project's row first, so that two owners who remove each other at the same
moment cannot leave the project without one. An owner who was deactivated, or has not accepted yet,
is none that a project can be left to.
"""

from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from batchgen.errors import NotFound, ValidationFailed
from epics.access import Role
from epics.models import Membership, Project
from epics.writes import project_lock

_LAST_OWNER = "A project keeps an owner. Make somebody else an owner first."
#: Of the projects that are named to who would leave them without an owner.
_NAMED = 5


@transaction.atomic
def member_add(*, project_id: UUID, username: str, role: str) -> Membership:
    """Give a user a role in the project, or offer it where MEMBERS_NEED_ACCEPTANCE.

    Raises:
        ValidationFailed: there is no active user of exactly this name, or it is a member already.
    """
    project_lock(project_id)
    user = User.objects.filter(username=User.normalize_username(username), is_active=True).first()
    if user is None:
        raise _refusal("username", "There is no user of this name. Give it exactly as it is.")
    member, added = Membership.objects.get_or_create(
        project_id=project_id,
        user=user,
        defaults={"role": role, "invited": settings.MEMBERS_NEED_ACCEPTANCE},
    )
    if not added:
        is_one = "was invited" if member.invited else "is a member"
        raise _refusal("username", f"{username} {is_one} already, with the role {member.role}.")
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


@transaction.atomic
def invitation_accept(*, member_id: UUID, user: User) -> None:
    """Become a member, with the role that is offered by now.

    Raises:
        NotFound: the user is not invited (any more).
    """
    if not invitations(user=user).filter(pk=member_id).update(invited=False):
        raise NotFound


@transaction.atomic
def invitation_decline(*, member_id: UUID, user: User) -> None:
    """Become none; raises as `invitation_accept`."""
    if not invitations(user=user).filter(pk=member_id).delete()[0]:
        raise NotFound


def invitations(*, user: User) -> "QuerySet[Membership]":
    """What the user was offered and has not accepted."""
    return Membership.objects.filter(user=user, invited=True)


def projects_left(leaving: "QuerySet[Membership]") -> "QuerySet[Project]":
    """The projects that have an owner who can act, and would have none without these."""
    owners = Membership.objects.filter(
        project=OuterRef("pk"), role=Role.OWNER, invited=False, user__is_active=True
    )
    ids = leaving.order_by().values("pk")
    return Project.objects.filter(
        Exists(owners.filter(pk__in=ids)), ~Exists(owners.exclude(pk__in=ids))
    )


def owner_missed(leaving: "QuerySet[Membership]") -> str:
    """What to tell who would leave projects without an owner; empty where none would be. Locks
    the members' projects up to the end of the caller's transaction."""
    held = Project.objects.filter(pk__in=leaving.order_by().values("project"))
    list(held.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    left = list(projects_left(leaving).order_by("name", "pk")[: _NAMED + 1])
    if not left:
        return ""
    names = ", ".join(project.name for project in left[:_NAMED])
    return f"{_LAST_OWNER} ({names}{', and more' if len(left) > _NAMED else ''})"


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
    if projects_left(Membership.objects.filter(pk=member.pk)).exists():
        raise _refusal(field, _LAST_OWNER)


def _refusal(field: str, message: str) -> ValidationFailed:
    return ValidationFailed("The input is not valid.", **{field: [message]})
