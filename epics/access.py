"""Permissions: members have a role in a project; staff own every project.

Open event streams are held to the same rule by a statement of their own, for all at once:
`live_held` in runs/live/queries.sql.

Who was invited and has not accepted yet has no role. A write looks twice: before the body is read
(`project_require`, `staff_require`), so that nobody learns from trying, and inside the transaction
that writes (`role_held`, `role_hold`, `staff_hold`), so that a right that is taken away in between
is gone.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from batchgen.db.compiled_query import CompiledRows
from batchgen.errors import Forbidden, NotFound
from epics.models import Membership, Project
from epics.writes import project_lock

Role = Membership.Role
Somebody = User | AnonymousUser

_FOR_STAFF = "This is for staff."
_RANK = {Role.VIEWER: 1, Role.EDITOR: 2, Role.OWNER: 3}

#: Both rows stay as they are until the transaction ends: who deactivates the user or changes the
#: membership waits. The user's comes first, everywhere.
_HOLD = """
WITH asker AS MATERIALIZED (
    SELECT id, is_staff FROM auth_user WHERE id = %(user_id)s AND is_active FOR SHARE
), held AS MATERIALIZED (
    SELECT user_id, role FROM epics_membership
    WHERE user_id = %(user_id)s AND project_id = %(project_id)s AND NOT invited FOR SHARE
)
SELECT CASE WHEN asker.is_staff THEN 'owner' ELSE held.role END
FROM asker LEFT JOIN held ON held.user_id = asker.id
"""
_HOLD_STAFF = "SELECT FROM auth_user WHERE id = %s AND is_active AND is_staff FOR SHARE"


def projects_visible(*, user: Somebody) -> "QuerySet[Project]":
    """The projects that the user may at least read."""
    return Project.objects.all() if is_staff(user) else projects_of(user_id=user.pk)


def projects_of(*, user_id: int | None) -> "QuerySet[Project]":
    """The projects that a user who is no staff may at least read."""
    member = _memberships(user_id).filter(project=OuterRef("pk"))
    return Project.objects.filter(Exists(member))


def project_role(*, user: Somebody, project: Project) -> str | None:
    """The user's role in the project, None for a stranger."""
    if is_staff(user):
        return Role.OWNER
    if isinstance(user, AnonymousUser):
        return None
    return CompiledRows(_roles, user_id=user.pk, project_id=project.pk).first()


def memberships_writing(*, user_id: int | None) -> "QuerySet[Membership]":
    """Of one who is no staff: where the user may do more than read."""
    return _memberships(user_id).exclude(role=Role.VIEWER)


def project_require(*, user: Somebody, project: Project, role: Membership.Role) -> Membership.Role:
    """The user's role in the project, where it is at least this one.

    Raises:
        NotFound: the user may not even see it.
        Forbidden: the user sees it, but has a lesser role.
    """
    return _enough(project_role(user=user, project=project), role)


@contextmanager
def role_held(*, user: Somebody, project_id: UUID, role: Membership.Role) -> Iterator[None]:
    """A transaction that has the project locked, and in which the user keeps this role.

    Raises:
        NotFound, Forbidden: as `project_require`.
    """
    with transaction.atomic():
        # The project comes before the members everywhere, or two transactions wait for each other.
        project_lock(project_id)
        role_hold(user=user, project_id=project_id, role=role)
        yield


def role_hold(*, user: Somebody, project_id: UUID, role: Membership.Role) -> None:
    """Make sure that the user has this role up to the end of the caller's transaction. Call it
    with the project's lock, or take none afterwards.

    Raises:
        NotFound, Forbidden: as `project_require`, for what is so by now.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, {"user_id": user.pk, "project_id": project_id})
        row = cursor.fetchone()
    _enough(row[0] if row else None, role)


def role_now(*, user: Somebody, project_id: UUID, role: Membership.Role) -> None:
    """Return where the user has this role; who is taking it away is waited for.

    Raises:
        NotFound, Forbidden: as `project_require`.
    """
    with role_held(user=user, project_id=project_id, role=role):
        pass


def _memberships(user_id: int | None) -> "QuerySet[Membership]":
    """What gives the user a role; None, who is nobody, has none."""
    return Membership.objects.filter(user=user_id, invited=False)


def _roles(*, user_id: int, project_id: UUID) -> "QuerySet[Membership, str]":
    return _memberships(user_id).filter(project=project_id).values_list("role", flat=True)


def _projects(*, project_id: UUID) -> "QuerySet[Project]":
    return Project.objects.filter(pk=project_id)


def _enough(held: str | None, role: Membership.Role) -> Membership.Role:
    if held is None:
        raise NotFound
    if _RANK[Role(held)] < _RANK[role]:
        raise Forbidden(f"This needs the role {role.value} in the project; yours is {held}.")
    return Role(held)


def project_for(
    *, user: Somebody, project_id: UUID, role: Membership.Role = Role.VIEWER
) -> Project:
    """The project, where the user has at least this role in it.

    Raises:
        NotFound, Forbidden: as `project_require`.
    """
    project = CompiledRows(_projects, project_id=project_id).first()
    if project is None:
        raise NotFound
    project_require(user=user, project=project, role=role)
    return project


def sees(*, user: Somebody, data: Mapping[str, str]) -> None:
    """Return where the user may read the project of an answer; else raise as `role_now`."""
    project_id = UUID(data.get("projectId") or data["id"])
    role_now(user=user, project_id=project_id, role=Role.VIEWER)


def staff_require(*, user: Somebody) -> None:
    """Return where the user is staff.

    Raises:
        Forbidden: nobody else may do this.
    """
    if not is_staff(user):
        raise Forbidden(_FOR_STAFF)


def staff_hold(*, user: User) -> None:
    """Make sure that the user is staff up to the end of the caller's transaction.

    Raises:
        Forbidden: as `staff_require`, for what is so by now.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_STAFF, [user.pk])
        if not cursor.rowcount:
            raise Forbidden(_FOR_STAFF)


def is_staff(user: Somebody) -> bool:
    """Staff may do everything in every project."""
    return bool(user.is_active and user.is_staff)
