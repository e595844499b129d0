"""Stories over REST: each method checks who asks, calls one service, and reads."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import operation, page_response, query_of, signed_in
from batchgen.api.output import shown
from batchgen.api.paging import keys_of
from batchgen.errors import VersionConflict
from epics import selectors, story_services
from epics.access import Role, project_for, role_held
from epics.api.filters import STORY_ORDERS, StoriesQuery, id_or_code
from epics.api.serializers import StoryOutput, StoryPatch
from epics.api.versions import patch_of
from epics.models import Epic, Story


class ProjectStoriesView(APIView):
    @operation(
        "storyList",
        "List a project's stories",
        tag="stories",
        query=[StoriesQuery],
        response=StoryOutput,
        page=True,
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        project = project_for(user=request.user, project_id=project_id)
        query = query_of(request, StoriesQuery)
        stories = selectors.stories_list(
            project=project,
            epic=id_or_code(query.get("epic", "")),
            persona=query.get("persona", ""),
            search=query.get("q", ""),
        )
        keys = keys_of(query["order"], STORY_ORDERS)
        return page_response(request, stories, keys=keys, serializer=StoryOutput)


class EpicStoriesView(APIView):
    @operation(
        "epicStoryList",
        "List an epic's stories",
        tag="stories",
        response=StoryOutput,
        page=True,
    )
    def get(self, request: Request, epic_id: UUID) -> Response:
        epic = selectors.part_for(Epic, part_id=epic_id, user=request.user)
        query_of(request)
        stories = selectors.stories_list(project=epic.project, epic=epic_id)
        return page_response(request, stories, keys=("order", "id"), serializer=StoryOutput)


class StoryView(APIView):
    @operation("storyRead", "Read a story", tag="stories", response=StoryOutput)
    def get(self, request: Request, story_id: UUID) -> Response:
        story = selectors.part_for(Story, part_id=story_id, user=request.user)
        return Response(shown(StoryOutput, story))

    @operation(
        "storyUpdate",
        "Change a story",
        tag="stories",
        request=StoryPatch,
        response=StoryOutput,
        errors=[VersionConflict],
    )
    def patch(self, request: Request, story_id: UUID) -> Response:
        story = selectors.part_for(Story, part_id=story_id, user=request.user, role=Role.EDITOR)
        changes, version = patch_of(StoryPatch, request)
        with role_held(user=request.user, project_id=story.project_id, role=Role.EDITOR):
            story_services.story_update(
                story_id=story_id, changes=changes, version=version, user=signed_in(request)
            )
        story.refresh_from_db()
        return Response(shown(StoryOutput, story))

    @operation("storyDelete", "Delete a story", tag="stories", status=204)
    def delete(self, request: Request, story_id: UUID) -> Response:
        story = selectors.part_for(Story, part_id=story_id, user=request.user, role=Role.EDITOR)
        with role_held(user=request.user, project_id=story.project_id, role=Role.EDITOR):
            story_services.story_delete(story_id=story_id, user=signed_in(request))
        return Response(status=204)
