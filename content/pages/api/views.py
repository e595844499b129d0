"""Pages over REST: each method checks who asks, calls one service, and reads."""

from functools import partial
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import operation, page_response, query_of, signed_in, valid
from batchgen.api.output import shown
from batchgen.api.paging import keys_of
from batchgen.errors import VersionConflict
from content.pages import services
from content.pages.api.serializers import (
    PAGE_ORDERS,
    PageInput,
    PageOutput,
    PagePatch,
    PagesQuery,
)
from content.pages.selectors import page_for, pages_list
from epics.access import Role, project_for, role_held, role_now
from epics.api.versions import patch_of


class PagesView(APIView):
    @operation(
        "pageList",
        "List a project's pages",
        tag="pages",
        query=[PagesQuery],
        response=PageOutput,
        page=True,
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        project = project_for(user=request.user, project_id=project_id)
        query = query_of(request, PagesQuery)
        pages = pages_list(
            project=project,
            page_type=query.get("type", ""),
            content_status=query.get("contentStatus", ""),
            review_status=query.get("reviewStatus", ""),
            language=query.get("language", ""),
            search=query.get("q", ""),
        )
        keys = keys_of(query["order"], PAGE_ORDERS)
        return page_response(request, pages, keys=keys, serializer=PageOutput)

    @operation(
        "pageCreate",
        "Add a page",
        tag="pages",
        request=PageInput,
        response=PageOutput,
        status=201,
        creates=partial(role_now, role=Role.EDITOR),
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
        fields = valid(PageInput, request.data)
        with role_held(user=request.user, project_id=project_id, role=Role.EDITOR):
            page = services.page_create(project_id=project_id, fields=fields)
        return Response(shown(PageOutput, page), status=201)


class PageView(APIView):
    @operation("pageRead", "Read a page", tag="pages", response=PageOutput)
    def get(self, request: Request, page_id: UUID) -> Response:
        return Response(shown(PageOutput, page_for(page_id=page_id, user=request.user)))

    @operation(
        "pageUpdate",
        "Change a page or its content",
        tag="pages",
        request=PagePatch,
        response=PageOutput,
        errors=[VersionConflict],
        description=(
            "New inputs make content that is `current` `outdated`. New content is a draft again, "
            "and what the quality check said of the old one is dropped."
        ),
    )
    def patch(self, request: Request, page_id: UUID) -> Response:
        page = page_for(page_id=page_id, user=request.user, role=Role.EDITOR)
        changes, version = patch_of(PagePatch, request)
        content = changes.pop("content", None)
        with role_held(user=request.user, project_id=page.project_id, role=Role.EDITOR):
            services.page_update(
                page_id=page_id,
                changes=changes,
                content=content,
                version=version,
                user=signed_in(request),
            )
        page.refresh_from_db()
        return Response(shown(PageOutput, page))

    @operation("pageDelete", "Delete a page with its content", tag="pages", status=204)
    def delete(self, request: Request, page_id: UUID) -> Response:
        page = page_for(page_id=page_id, user=request.user, role=Role.EDITOR)
        with role_held(user=request.user, project_id=page.project_id, role=Role.EDITOR):
            services.page_delete(page_id=page_id, user=signed_in(request))
        return Response(status=204)
