"""Items of a run over REST, whatever they are of: reading, adding, and which goes first."""

from functools import partial
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import operation, page_response, query_of, signed_in, valid
from batchgen.api.output import shown, shown_all
from batchgen.errors import InvalidTransition, ItemAlreadyActive, QuotaReached
from epics.access import Role
from runs.api.item_output import ITEM_ORDERS, RunItemOutput
from runs.api.run_input import AddItemsInput, ItemChangeInput, RunItemsQuery
from runs.engine.items import item_prioritise, items_add
from runs.reads import lineage, selectors
from runs.reads.items import item_read, items_list, run_items


class RunItemsView(APIView):
    @operation(
        "runItemList",
        "List a run's items",
        tag="runs",
        query=[RunItemsQuery],
        response=RunItemOutput,
        page=True,
        description="In their order; `order=completedAt`: as they ended, those that have not last.",
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_plain(user=request.user, run_id=run_id)
        query = query_of(request, RunItemsQuery)
        read = lineage.items_effective if query["effective"] else items_list
        items = read(run=run, status=query.get("status"), ended=query["order"] == "completedAt")
        keys = ITEM_ORDERS[query["order"]]
        return page_response(request, items, keys=keys, serializer=RunItemOutput)

    @operation(
        "runItemAdd",
        "Add items to a run that is not over",
        tag="runs",
        request=AddItemsInput,
        response=RunItemOutput(many=True),
        status=202,
        creates=partial(selectors.run_role_now, role=Role.EDITOR),
        errors=[InvalidTransition, ItemAlreadyActive, QuotaReached],
        description="They come behind the others of their priority.",
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
        target_ids = valid(AddItemsInput, request.data)["target_ids"]
        ids = items_add(run=run, user=signed_in(request), target_ids=target_ids)
        return Response(shown_all(RunItemOutput, run_items(run=run).filter(pk__in=ids)), status=202)


class RunItemView(APIView):
    @operation(
        "runItemRead",
        "Read an item of a run",
        tag="runs",
        response=RunItemOutput,
    )
    def get(self, request: Request, run_id: UUID, item_id: UUID) -> Response:
        run = selectors.run_plain(user=request.user, run_id=run_id)
        query_of(request)
        return Response(shown(RunItemOutput, item_read(run=run, item_id=item_id)))

    @operation(
        "runItemChange",
        "Change the priority of an item that waits",
        tag="runs",
        request=ItemChangeInput,
        response=RunItemOutput,
        errors=[InvalidTransition],
        description=(
            "The next item that a lane takes is the one with the highest priority. Those that "
            "lanes hold already (`assigned`) go first, at most one a lane."
        ),
    )
    def patch(self, request: Request, run_id: UUID, item_id: UUID) -> Response:
        run = selectors.run_plain(user=request.user, run_id=run_id, role=Role.EDITOR)
        priority = valid(ItemChangeInput, request.data)["priority"]
        item = item_read(run=run, item_id=item_id)
        item_prioritise(item=item, user=signed_in(request), priority=priority)
        return Response(shown(RunItemOutput, item_read(run=run, item_id=item_id)))
