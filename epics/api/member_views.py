"""A project's members over REST: members read, owners write."""

from functools import partial
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from batchgen.api.inputs import NothingInput, StrictSerializer
from batchgen.api.operations import operation, page_response, query_of, signed_in, valid
from batchgen.api.output import shown
from batchgen.errors import NotFound, ValidationFailed
from batchgen.http.throttle import MemberThrottle
from epics import members, selectors
from epics.access import Role, project_for, role_held, role_now
from epics.api.fields import TextField
from epics.models import Membership

_USERNAME_CHARS = 150


class MemberOutput(serializers.ModelSerializer[Membership]):
    projectId = serializers.UUIDField(source="project_id", read_only=True)  # noqa: N815 - the key
    username = serializers.CharField(source="user.username", read_only=True)
    invited = serializers.BooleanField(
        read_only=True, help_text="True: has not accepted yet, and has no right."
    )

    class Meta:
        model = Membership
        fields = ("id", "projectId", "username", "role", "invited")
        read_only_fields = fields


class InvitationOutput(serializers.ModelSerializer[Membership]):
    projectId = serializers.UUIDField(source="project_id", read_only=True)  # noqa: N815 - the key
    projectName = serializers.CharField(source="project.name", read_only=True)  # noqa: N815

    class Meta:
        model = Membership
        fields = ("id", "projectId", "projectName", "role")
        read_only_fields = fields


class _RoleInput(StrictSerializer):
    role = serializers.ChoiceField(
        Role.choices,
        help_text="`viewer` reads; `editor` also edits and runs; `owner` may do everything.",
    )


class MemberInput(_RoleInput):
    username = TextField(max_length=_USERNAME_CHARS, help_text="Exactly as the user signs in.")


class MemberPatch(_RoleInput):
    pass


class MembersView(APIView):
    def get_throttles(self) -> list[BaseThrottle]:
        adds = [MemberThrottle()] if self.request.method == "POST" else []
        return [*super().get_throttles(), *adds]

    @operation(
        "memberList",
        "List a project's members",
        tag="members",
        response=MemberOutput,
        page=True,
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        project = project_for(user=request.user, project_id=project_id)
        query_of(request)
        found = selectors.members_list(project=project)
        return page_response(request, found, keys=("id",), serializer=MemberOutput)

    @operation(
        "memberAdd",
        "Add a member",
        tag="members",
        request=MemberInput,
        response=MemberOutput,
        status=201,
        description=(
            "Where BATCHGEN_MEMBERS_NEED_ACCEPTANCE is on, the user is `invited`, and has no right "
            "before they accept: see `GET /invitations`."
        ),
        creates=partial(role_now, role=Role.OWNER),
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        project_for(user=request.user, project_id=project_id, role=Role.OWNER)
        asked = valid(MemberInput, request.data)
        with role_held(user=request.user, project_id=project_id, role=Role.OWNER):
            member = members.member_add(project_id=project_id, **asked)
        return Response(shown(MemberOutput, member), status=201)


class MemberView(APIView):
    @operation("memberRead", "Read a member", tag="members", response=MemberOutput)
    def get(self, request: Request, member_id: UUID) -> Response:
        return Response(shown(MemberOutput, _member(request, member_id)))

    @operation(
        "memberUpdate",
        "Give a member another role",
        tag="members",
        request=MemberPatch,
        response=MemberOutput,
        description="The last owner stays one.",
    )
    def patch(self, request: Request, member_id: UUID) -> Response:
        member = _member(request, member_id, Role.OWNER)
        asked = valid(MemberPatch, request.data)
        with role_held(user=request.user, project_id=member.project_id, role=Role.OWNER):
            members.member_change(member_id=member_id, **asked)
        return Response(shown(MemberOutput, _member(request, member_id)))

    @operation(
        "memberRemove",
        "Remove a member, or leave",
        tag="members",
        status=204,
        errors=[ValidationFailed],
        description=(
            "For owners; everybody may remove themselves. The last owner who can sign in cannot be "
            "removed: 400."
        ),
    )
    def delete(self, request: Request, member_id: UUID) -> Response:
        member = _member(request, member_id)
        role = Role.VIEWER if member.user_id == request.user.pk else Role.OWNER
        with role_held(user=request.user, project_id=member.project_id, role=role):
            members.member_remove(member_id=member_id)
        return Response(status=204)


class InvitationsView(APIView):
    @operation(
        "invitationList",
        "List the projects that you are invited to",
        tag="members",
        response=InvitationOutput,
        page=True,
        description="An invitation has the id of the member that it makes.",
    )
    def get(self, request: Request) -> Response:
        query_of(request)
        found = members.invitations(user=signed_in(request)).select_related("project")
        return page_response(request, found, keys=("id",), serializer=InvitationOutput)


class InvitationAcceptView(APIView):
    @operation(
        "invitationAccept",
        "Accept an invitation",
        tag="members",
        request=NothingInput,
        response=MemberOutput,
    )
    def post(self, request: Request, invitation_id: UUID) -> Response:
        _invited(request, invitation_id)
        valid(NothingInput, request.data)
        members.invitation_accept(member_id=invitation_id, user=signed_in(request))
        return Response(shown(MemberOutput, _member(request, invitation_id)))


class InvitationDeclineView(APIView):
    @operation(
        "invitationDecline",
        "Decline an invitation",
        tag="members",
        request=NothingInput,
        status=204,
    )
    def post(self, request: Request, invitation_id: UUID) -> Response:
        _invited(request, invitation_id)
        valid(NothingInput, request.data)
        members.invitation_decline(member_id=invitation_id, user=signed_in(request))
        return Response(status=204)


def _member(request: Request, member_id: UUID, role: Membership.Role = Role.VIEWER) -> Membership:
    return selectors.part_for(Membership, part_id=member_id, user=request.user, role=role)


def _invited(request: Request, invitation_id: UUID) -> None:
    if not members.invitations(user=signed_in(request)).filter(pk=invitation_id).exists():
        raise NotFound
