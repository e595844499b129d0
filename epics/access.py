"""Who may see and do what: members have a role in a project, staff own every one.

Open event streams are held to the same rule by a statement of their own, for all at once:
`live_held` in runs/live/queries.sql.
"""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Exists, OuterRef, QuerySet

from batchgen.errors import Forbidden, NotFound
from epics.models import Membership, Project

Role = Membership.Role
Somebody = User | AnonymousUser

_RANK = {Role.VIEWER: 1, Role.EDITOR: 2, Role.OWNER: 3}


def projects_visible(*, user: Somebody) -> "QuerySet[Project]":
    """The projects that the user may at least read."""
    if is_staff(user):
        return Project.objects.all()
    if isinstance(user, AnonymousUser):
        return Project.objects.none()
    member = Membership.objects.filter(project=OuterRef("pk"), user=user)
    return Project.objects.filter(Exists(member))


def project_role(*, user: Somebody, project: Project) -> str | None:
    """The user's role in the project, None for a stranger."""
    if is_staff(user):
        return Role.OWNER
    if isinstance(user, AnonymousUser):
        return None
    member = Membership.objects.filter(project=project, user=user)
    return member.values_list("role", flat=True).first()


def memberships_writing(*, user: Somebody) -> "QuerySet[Membership]":
    """Of one who is no staff: where the user may do more than read."""
    if isinstance(user, AnonymousUser):
        return Membership.objects.none()
    return Membership.objects.filter(user=user).exclude(role=Role.VIEWER)


def project_require(*, user: Somebody, project: Project, role: Membership.Role) -> Membership.Role:
    """The user's role in the project, where it is at least this one.

    Raises:
        NotFound: the user may not even see it.
        Forbidden: the user sees it, but has a lesser role.
    """
    held = project_role(user=user, project=project)
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
    project = Project.objects.filter(pk=project_id).first()
    if project is None:
        raise NotFound
    project_require(user=user, project=project, role=role)
    return project


def staff_require(*, user: Somebody) -> None:
    """Return where the user is staff.

    Raises:
        Forbidden: nobody else may do this.
    """
    if not is_staff(user):
        raise Forbidden("This is for staff.")


def is_staff(user: Somebody) -> bool:
    """Staff may do everything in every project."""
    return bool(user.is_active and user.is_staff)
