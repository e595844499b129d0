"""What a run changed, item by item, over REST."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from batchgen.api.operations import PageResponse, operation, query_of
from batchgen.api.output import shown_all
from batchgen.api.paging import page_of
from content.registry import kind_named
from epics.api.review_serializers import FieldChange
from runs.reads import selectors
from runs.reads.changes import ItemChanges, changes_bytes, item_changes
from runs.states import ItemStatus

_KEYS = ("order", "id")


class RowChange(serializers.Serializer[Any]):
    code = serializers.CharField()
    fields = serializers.DictField(child=FieldChange())  # type: ignore[assignment]  # declared fields leave the class


class ItemChangesOutput(serializers.Serializer[Any]):
    itemId = serializers.UUIDField(source="item.id")
    kind = serializers.SerializerMethodField(help_text="As of items: `epic`, `story`, `page` ...")
    targetId = serializers.UUIDField(source="item.target_id", allow_null=True)
    code = serializers.CharField(source="item.code")
    title = serializers.CharField(source="item.title")
    status = serializers.ChoiceField(ItemStatus.choices, source="item.status")
    added = RowChange(
        many=True,
        help_text="Without fields where nothing was before: read what stands under its code.",
    )
    removed = RowChange(many=True)
    changed = RowChange(many=True)
    kept = serializers.IntegerField(
        source="item.kept", help_text="Were there and stayed: edited, approved, or in another run."
    )

    def get_kind(self, changes: ItemChanges) -> str:
        return kind_named(changes.item.kind).item_kind


class RunChangesView(APIView):
    @operation(
        "runChangeList",
        "List what a run changed, item by item",
        tag="runs",
        response=ItemChangesOutput,
        page=True,
        description=(
            "What it added where nothing was before is listed as long as no later run has "
            "replaced it."
        ),
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_plain(user=request.user, run_id=run_id)
        query_of(request)
        items, page = page_of(
            run.items.all(), keys=_KEYS, query=request.query_params, beside=changes_bytes
        )
        return PageResponse(shown_all(ItemChangesOutput, item_changes(items)), page)
