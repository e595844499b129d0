"""The quality of stories over REST: lint some, and find a project's duplicates."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import operation, query_of, signed_in, valid
from batchgen.api.output import shown
from batchgen.db.pools import connection_give_back
from batchgen.http.throttle import one_at_a_time
from epics.access import project_for
from epics.api.quality_serializers import DuplicatesOutput, DuplicatesQuery, LintInput, LintOutput
from epics.files.story_lint import project_duplicates, stories_lint
from quality.defects import StoryText


class LintView(APIView):
    @operation(
        "storyLint",
        "Lint user stories",
        tag="stories",
        request=LintInput,
        response=LintOutput,
        description=(
            "Says what is wrong with the stories after the Quality User Story framework, each by "
            "itself and beside the others. Nothing is stored. Fields that a story leaves out are "
            "not judged. Of lint and duplicates, one at a time of a user: 429 while another is at "
            "work."
        ),
    )
    def post(self, request: Request) -> Response:
        body = valid(LintInput, request.data)
        stories = [
            StoryText(
                user_story=story["user_story"],
                title=story.get("title", ""),
                persona=story.get("persona", ""),
                acceptance_criteria=(
                    tuple(story["acceptance_criteria"]) if "acceptance_criteria" in story else None
                ),
            )
            for story in body["stories"]
        ]
        with one_at_a_time(signed_in(request).pk, "quality"):
            connection_give_back()
            report = stories_lint(
                stories,
                language=body["language"],
                whole_product=body["whole_product"],
                bounded=True,
            )
        return Response(shown(LintOutput, report.as_json()))


class DuplicatesView(APIView):
    @operation(
        "projectDuplicates",
        "Find a project's near-duplicate stories",
        tag="stories",
        query=[DuplicatesQuery],
        response=DuplicatesOutput,
        description=(
            "Reported, never dropped: which of them to keep is for people to say. Of lint and "
            "duplicates, one at a time of a user: 429 while another is at work."
        ),
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        project = project_for(user=request.user, project_id=project_id)
        query = query_of(request, DuplicatesQuery)
        with one_at_a_time(signed_in(request).pk, "quality"):
            found = project_duplicates(project=project, across_epics=query["epics"] == "different")
        return Response(shown(DuplicatesOutput, found))
