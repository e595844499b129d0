"""A project's members over REST: members read, owners write."""

from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from batchgen.api import operation, page_response, query_of, valid
from batchgen.errors import ValidationFailed
from batchgen.inputs import StrictSerializer
from batchgen.output import shown
from batchgen.throttle import MemberThrottle
from epics import members, selectors
from epics.access import Role, project_for
from epics.models import Membership
from epics.serializers import TextField

_USERNAME_CHARS = 150


class MemberOutput(serializers.ModelSerializer[Membership]):
    projectId = serializers.UUIDField(source="project_id", read_only=True)  # noqa: N815 - the key
    username = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "projectId", "username", "role")
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
        creates=True,
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        project_for(user=request.user, project_id=project_id, role=Role.OWNER)
        member = members.member_add(project_id=project_id, **valid(MemberInput, request.data))
        return Response(shown(MemberOutput, member), status=201)


class MemberView(APIView):
    @operation("memberRead", "Read a member", tag="members", response=MemberOutput)
    def get(self, request: Request, member_id: UUID) -> Response:
        member = selectors.part_for(Membership, part_id=member_id, user=request.user)
        return Response(shown(MemberOutput, member))

    @operation(
        "memberUpdate",
        "Give a member another role",
        tag="members",
        request=MemberPatch,
        response=MemberOutput,
        description="The last owner stays one.",
    )
    def patch(self, request: Request, member_id: UUID) -> Response:
        selectors.part_for(Membership, part_id=member_id, user=request.user, role=Role.OWNER)
        members.member_change(member_id=member_id, **valid(MemberPatch, request.data))
        member = selectors.part_for(Membership, part_id=member_id, user=request.user)
        return Response(shown(MemberOutput, member))

    @operation(
        "memberRemove",
        "Remove a member",
        tag="members",
        status=204,
        errors=[ValidationFailed],
        description="The last owner cannot be removed: 400.",
    )
    def delete(self, request: Request, member_id: UUID) -> Response:
        selectors.part_for(Membership, part_id=member_id, user=request.user, role=Role.OWNER)
        members.member_remove(member_id=member_id)
        return Response(status=204)
