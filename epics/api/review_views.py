"""Reviews and history over REST: each method checks who asks, calls one service, and reads."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import operation, page_response, query_of, signed_in, valid
from batchgen.api.output import shown
from epics import selectors
from epics.access import Role, project_for, role_held
from epics.api.review_serializers import ChangeOutput, ReviewInput, ReviewOutput
from epics.models import Epic, Story, Written
from epics.review import review_set

_NEWEST_FIRST = ("-id",)


class ReviewView(APIView):
    @operation(
        "projectReview",
        "Approve, reject or take back",
        tag="review",
        request=ReviewInput,
        response=ReviewOutput,
        description=(
            "Each with the version that you saw: where somebody changed it since, it stays as it "
            "is and stands in `conflicts`. Runs do not replace what is approved, unless their "
            "`keepApproved` is false. An edit makes it a draft again."
        ),
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
        wanted = valid(ReviewInput, request.data)
        with role_held(user=request.user, project_id=project_id, role=Role.EDITOR):
            reviewed = review_set(
                project_id=project_id,
                kind=wanted["kind"],
                versions=wanted["items"],
                status=wanted["status"],
                note=wanted["note"],
                user=signed_in(request),
            )
        conflicts = [{"id": pk, "version": now} for pk, now in reviewed.conflicts.items()]
        told = {
            "changed": reviewed.changed,
            "unchanged": reviewed.unchanged,
            "conflicts": conflicts,
        }
        return Response(shown(ReviewOutput, told))


class EpicHistoryView(APIView):
    @operation(
        "epicHistory",
        "List what was changed in an epic, newest first",
        tag="review",
        response=ChangeOutput,
        page=True,
        description="Of what has had its code in the project, also before this epic was written.",
    )
    def get(self, request: Request, epic_id: UUID) -> Response:
        return _history(request, selectors.part_for(Epic, part_id=epic_id, user=request.user))


class StoryHistoryView(APIView):
    @operation(
        "storyHistory",
        "List what was changed in a story, newest first",
        tag="review",
        response=ChangeOutput,
        page=True,
        description="Of what has had its code in the epic, also before this story was written.",
    )
    def get(self, request: Request, story_id: UUID) -> Response:
        return _history(request, selectors.part_for(Story, part_id=story_id, user=request.user))


def _history(request: Request, row: Written) -> Response:
    query_of(request)
    changes = selectors.history_list(row)
    return page_response(request, changes, keys=_NEWEST_FIRST, serializer=ChangeOutput)
