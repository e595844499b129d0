"""Subtasks over REST: each method checks who asks, calls one service, and reads."""

from uuid import UUID

from django.contrib.auth.models import User
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import operation, page_response, query_of, signed_in, valid
from batchgen.api.output import shown
from batchgen.api.paging import keys_of
from batchgen.errors import VersionConflict
from epics import selectors, story_services
from epics.access import Role, project_for, role_held, role_now
from epics.api.filters import STORY_ORDERS, SubtasksQuery, id_or_code
from epics.api.subtask_serializers import SubtaskInput, SubtaskOutput, SubtaskPatch
from epics.api.versions import patch_of
from epics.models import Story, Subtask


def _story_editable(*, user: User, story_id: UUID) -> None:
    story = selectors.part_for(Story, part_id=story_id, user=user)
    role_now(user=user, project_id=story.project_id, role=Role.EDITOR)


class ProjectSubtasksView(APIView):
    @operation(
        "subtaskList",
        "List a project's subtasks",
        tag="subtasks",
        query=[SubtasksQuery],
        response=SubtaskOutput,
        page=True,
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        project = project_for(user=request.user, project_id=project_id)
        query = query_of(request, SubtasksQuery)
        subtasks = selectors.subtasks_list(
            project=project,
            epic=id_or_code(query.get("epic", "")),
            story=id_or_code(query.get("story", "")),
        )
        keys = keys_of(query["order"], STORY_ORDERS)
        return page_response(request, subtasks, keys=keys, serializer=SubtaskOutput)


class StorySubtasksView(APIView):
    @operation(
        "storySubtaskList",
        "List a story's subtasks",
        tag="subtasks",
        response=SubtaskOutput,
        page=True,
    )
    def get(self, request: Request, story_id: UUID) -> Response:
        story = selectors.part_for(Story, part_id=story_id, user=request.user)
        query_of(request)
        subtasks = selectors.subtasks_list(project=story.project, story=story_id)
        return page_response(request, subtasks, keys=("order", "id"), serializer=SubtaskOutput)

    @operation(
        "subtaskCreate",
        "Add a subtask to a story",
        tag="subtasks",
        request=SubtaskInput,
        response=SubtaskOutput,
        status=201,
        creates=_story_editable,
    )
    def post(self, request: Request, story_id: UUID) -> Response:
        story = selectors.part_for(Story, part_id=story_id, user=request.user, role=Role.EDITOR)
        fields = valid(SubtaskInput, request.data)
        with role_held(user=request.user, project_id=story.project_id, role=Role.EDITOR):
            subtask = story_services.subtask_create(story_id=story_id, fields=fields)
        return Response(shown(SubtaskOutput, subtask), status=201)


class SubtaskView(APIView):
    @operation("subtaskRead", "Read a subtask", tag="subtasks", response=SubtaskOutput)
    def get(self, request: Request, subtask_id: UUID) -> Response:
        subtask = selectors.part_for(Subtask, part_id=subtask_id, user=request.user)
        return Response(shown(SubtaskOutput, subtask))

    @operation(
        "subtaskUpdate",
        "Change a subtask",
        tag="subtasks",
        request=SubtaskPatch,
        response=SubtaskOutput,
        errors=[VersionConflict],
    )
    def patch(self, request: Request, subtask_id: UUID) -> Response:
        subtask = self._for_editor(request, subtask_id)
        changes, version = patch_of(SubtaskPatch, request)
        with role_held(user=request.user, project_id=subtask.project_id, role=Role.EDITOR):
            story_services.subtask_update(
                subtask_id=subtask_id, changes=changes, version=version, user=signed_in(request)
            )
        subtask.refresh_from_db()
        return Response(shown(SubtaskOutput, subtask))

    @operation("subtaskDelete", "Delete a subtask", tag="subtasks", status=204)
    def delete(self, request: Request, subtask_id: UUID) -> Response:
        subtask = self._for_editor(request, subtask_id)
        with role_held(user=request.user, project_id=subtask.project_id, role=Role.EDITOR):
            story_services.subtask_delete(subtask_id=subtask_id, user=signed_in(request))
        return Response(status=204)

    def _for_editor(self, request: Request, subtask_id: UUID) -> Subtask:
        return selectors.part_for(Subtask, part_id=subtask_id, user=request.user, role=Role.EDITOR)
