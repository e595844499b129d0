"""Projects, cards and epics over REST.

Each method checks who asks, calls one service, and reads.
"""

from functools import partial
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import operation, page_response, query_of, signed_in, valid
from batchgen.api.output import shown
from batchgen.api.paging import keys_of
from batchgen.errors import QuotaReached, RunAlreadyActive, VersionConflict
from epics import selectors, services
from epics.access import Role, project_for, role_held, role_now, sees
from epics.api.filters import PART_ORDERS, PROJECT_ORDERS, PartsQuery, ProjectsQuery
from epics.api.serializers import (
    CardInput,
    CardOutput,
    CardPatch,
    EpicInput,
    EpicOutput,
    EpicPatch,
    ProjectInput,
    ProjectOutput,
    ProjectPatch,
)
from epics.api.versions import patch_of
from epics.models import Card, Epic


class ProjectsView(APIView):
    @operation(
        "projectList",
        "List projects",
        tag="projects",
        query=[ProjectsQuery],
        response=ProjectOutput,
        page=True,
    )
    def get(self, request: Request) -> Response:
        query = query_of(request, ProjectsQuery)
        projects = selectors.projects_list(user=request.user, search=query.get("q", ""))
        keys = keys_of(query["order"], PROJECT_ORDERS)
        return page_response(request, projects, keys=keys, serializer=ProjectOutput)

    @operation(
        "projectCreate",
        "Create a project",
        tag="projects",
        request=ProjectInput,
        response=ProjectOutput,
        status=201,
        creates=sees,
        makes_place=True,
        errors=[QuotaReached],
    )
    def post(self, request: Request) -> Response:
        fields = valid(ProjectInput, request.data)
        project = services.project_create(user=signed_in(request), fields=fields)
        return _project(project.pk, status=201)


class ProjectView(APIView):
    @operation("projectRead", "Read a project", tag="projects", response=ProjectOutput)
    def get(self, request: Request, project_id: UUID) -> Response:
        project_for(user=request.user, project_id=project_id)
        return _project(project_id)

    @operation(
        "projectUpdate",
        "Change a project",
        tag="projects",
        request=ProjectPatch,
        response=ProjectOutput,
        errors=[VersionConflict],
    )
    def patch(self, request: Request, project_id: UUID) -> Response:
        project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
        changes, version = patch_of(ProjectPatch, request)
        role = Role.OWNER if "monthly_budget_micro_usd" in changes else Role.EDITOR
        with role_held(user=request.user, project_id=project_id, role=role):
            services.project_update(project_id=project_id, changes=changes, version=version)
        return _project(project_id)

    @operation(
        "projectDelete",
        "Delete a project with all that belongs to it",
        tag="projects",
        status=204,
        errors=[RunAlreadyActive],
    )
    def delete(self, request: Request, project_id: UUID) -> Response:
        project_for(user=request.user, project_id=project_id, role=Role.OWNER)
        with role_held(user=request.user, project_id=project_id, role=Role.OWNER):
            services.project_delete(project_id=project_id)
        return Response(status=204)


class CardsView(APIView):
    @operation(
        "cardList",
        "List a project's cards",
        tag="cards",
        query=[PartsQuery],
        response=CardOutput,
        page=True,
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        project = project_for(user=request.user, project_id=project_id)
        query = query_of(request, PartsQuery)
        cards = selectors.cards_list(project=project, search=query.get("q", ""))
        keys = keys_of(query["order"], PART_ORDERS)
        return page_response(request, cards, keys=keys, serializer=CardOutput)

    @operation(
        "cardCreate",
        "Add a card",
        tag="cards",
        request=CardInput,
        response=CardOutput,
        status=201,
        creates=partial(role_now, role=Role.EDITOR),
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
        fields = valid(CardInput, request.data)
        with role_held(user=request.user, project_id=project_id, role=Role.EDITOR):
            card = services.card_create(project_id=project_id, fields=fields)
        return Response(shown(CardOutput, card), status=201)


class CardView(APIView):
    @operation("cardRead", "Read a card", tag="cards", response=CardOutput)
    def get(self, request: Request, card_id: UUID) -> Response:
        card = selectors.part_for(Card, part_id=card_id, user=request.user)
        return Response(shown(CardOutput, card))

    @operation(
        "cardUpdate",
        "Change a card",
        tag="cards",
        request=CardPatch,
        response=CardOutput,
        errors=[VersionConflict],
    )
    def patch(self, request: Request, card_id: UUID) -> Response:
        card = selectors.part_for(Card, part_id=card_id, user=request.user, role=Role.EDITOR)
        changes, version = patch_of(CardPatch, request)
        with role_held(user=request.user, project_id=card.project_id, role=Role.EDITOR):
            services.card_update(
                card_id=card_id, changes=changes, version=version, user=signed_in(request)
            )
        card.refresh_from_db()
        return Response(shown(CardOutput, card))

    @operation("cardDelete", "Delete a card", tag="cards", status=204)
    def delete(self, request: Request, card_id: UUID) -> Response:
        card = selectors.part_for(Card, part_id=card_id, user=request.user, role=Role.EDITOR)
        with role_held(user=request.user, project_id=card.project_id, role=Role.EDITOR):
            services.card_delete(card_id=card_id, user=signed_in(request))
        return Response(status=204)


class EpicsView(APIView):
    @operation(
        "epicList",
        "List a project's epics",
        tag="epics",
        query=[PartsQuery],
        response=EpicOutput,
        page=True,
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        project = project_for(user=request.user, project_id=project_id)
        query = query_of(request, PartsQuery)
        epics = selectors.epics_list(project=project, search=query.get("q", ""))
        keys = keys_of(query["order"], PART_ORDERS)
        return page_response(request, epics, keys=keys, serializer=EpicOutput)

    @operation(
        "epicCreate",
        "Add an epic",
        tag="epics",
        request=EpicInput,
        response=EpicOutput,
        status=201,
        creates=partial(role_now, role=Role.EDITOR),
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        project_for(user=request.user, project_id=project_id, role=Role.EDITOR)
        fields = valid(EpicInput, request.data)
        codes = fields.pop("card_codes", [])
        with role_held(user=request.user, project_id=project_id, role=Role.EDITOR):
            epic = services.epic_create(project_id=project_id, fields=fields, card_codes=codes)
        return _epic(epic.pk, status=201)


class EpicView(APIView):
    @operation("epicRead", "Read an epic", tag="epics", response=EpicOutput)
    def get(self, request: Request, epic_id: UUID) -> Response:
        selectors.part_for(Epic, part_id=epic_id, user=request.user)
        return _epic(epic_id)

    @operation(
        "epicUpdate",
        "Change an epic",
        tag="epics",
        request=EpicPatch,
        response=EpicOutput,
        errors=[VersionConflict],
    )
    def patch(self, request: Request, epic_id: UUID) -> Response:
        epic = selectors.part_for(Epic, part_id=epic_id, user=request.user, role=Role.EDITOR)
        changes, version = patch_of(EpicPatch, request)
        codes = changes.pop("card_codes", None)
        with role_held(user=request.user, project_id=epic.project_id, role=Role.EDITOR):
            services.epic_update(
                epic_id=epic_id,
                changes=changes,
                card_codes=codes,
                version=version,
                user=signed_in(request),
            )
        return _epic(epic_id)

    @operation("epicDelete", "Delete an epic with its stories", tag="epics", status=204)
    def delete(self, request: Request, epic_id: UUID) -> Response:
        epic = selectors.part_for(Epic, part_id=epic_id, user=request.user, role=Role.EDITOR)
        with role_held(user=request.user, project_id=epic.project_id, role=Role.EDITOR):
            services.epic_delete(epic_id=epic_id, user=signed_in(request))
        return Response(status=204)


def _project(project_id: UUID, status: int = 200) -> Response:
    project = selectors.project_read(project_id=project_id)
    return Response(shown(ProjectOutput, project), status=status)


def _epic(epic_id: UUID, status: int = 200) -> Response:
    return Response(shown(EpicOutput, selectors.epic_read(epic_id=epic_id)), status=status)
