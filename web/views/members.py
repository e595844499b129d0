"""A project's members, and the projects that one is invited to."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from batchgen.api.operations import valid
from batchgen.errors import NotFound, ValidationFailed
from batchgen.http.throttle import member_count
from epics import members, selectors
from epics.access import Role, project_for, role_held
from epics.api.member_views import MemberInput, MemberPatch
from epics.models import Membership
from web.forms import REFUSALS, form_refused, typed
from web.page import page, told, user_of
from web.parts.part import tab_address
from web.views.tabs import tab_context


@page("POST")
def member_add(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """Give somebody a role, or offer it to them."""
    found = project_for(user=request.user, project_id=project_id, role=Role.OWNER)
    values = typed(request.POST, ("username", "role"))
    try:
        member_count(request)
        asked = valid(MemberInput, values)
        with role_held(user=request.user, project_id=project_id, role=Role.OWNER):
            member = members.member_add(project_id=project_id, **asked)
    except REFUSALS as error:
        context = {**tab_context(request, found, "members"), "values": values}
        return form_refused(request, error, "project.html", context)
    what = "is invited" if member.invited else "is a member"
    messages.success(request, f"{asked['username']} {what}, with the role {member.role}.")
    return redirect(tab_address(project_id, "members"))


@page("POST")
def member(request: HttpRequest, member_id: UUID) -> HttpResponse:
    """Give a member another role, or take it away; everybody may leave."""
    user = user_of(request)
    found = selectors.part_for(Membership, part_id=member_id, user=user)
    leaves, mine = request.POST.get("action") == "remove", found.user_id == user.pk
    role = Role.VIEWER if leaves and mine else Role.OWNER
    name, back = found.user.get_username(), tab_address(found.project_id, "members")
    selectors.part_for(Membership, part_id=member_id, user=user, role=role)
    try:
        asked = {} if leaves else valid(MemberPatch, typed(request.POST, ("role",)))
        with role_held(user=user, project_id=found.project_id, role=role):
            if leaves:
                members.member_remove(member_id=member_id)
            else:
                members.member_change(member_id=member_id, **asked)
    except ValidationFailed as error:
        return told(request, _plain(error), back)
    if leaves and mine and not user.is_staff:
        messages.success(request, f"You have left {found.project.name}.")
        return redirect("web:projects")
    what = "is no member any more" if leaves else f"has the role {asked['role']} now"
    messages.success(request, f"{name} {what}.")
    return redirect(back)


@page("POST")
def invitation(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """Accept, or decline."""
    user = user_of(request)
    found = members.invitations(user=user).filter(pk=invitation_id).select_related("project")
    invited = found.first()
    if invited is None:
        raise NotFound
    if request.POST.get("action") == "accept":
        members.invitation_accept(member_id=invitation_id, user=user)
        messages.success(request, f"You are a member of {invited.project.name}.")
        return redirect("web:project", project_id=invited.project_id)
    members.invitation_decline(member_id=invitation_id, user=user)
    messages.success(request, f"You are not a member of {invited.project.name}.")
    return redirect("web:projects")


def _plain(error: ValidationFailed) -> ValidationFailed:
    """With the sentence that says why, which stands at a field."""
    texts = [text for found in error.details.values() for text in _texts(found)]
    return ValidationFailed(" ".join(texts) or error.message)


def _texts(found: object) -> list[str]:
    return [str(each) for each in found] if isinstance(found, list) else [str(found)]
