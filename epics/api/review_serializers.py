"""The JSON of reviews and of what was changed."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from rest_framework import serializers

from batchgen.api.inputs import Id, ListOf, StrictSerializer, WholeNumber
from epics import bounds
from epics.api.fields import text_field
from epics.models import ContentChange, ReviewStatus

#: What can be reviewed.
KINDS = ("epic", "story", "subtask", "page")
_Change = ContentChange.Change
_TOLD = [(each.value, each.label) for each in _Change if each != _Change.SAME]


class ReviewItem(StrictSerializer):
    id = Id()
    version = WholeNumber(
        min_value=1, max_value=2**31 - 1, help_text="The one that you saw; the review is of it."
    )


class ReviewInput(StrictSerializer):
    kind = serializers.ChoiceField(KINDS)
    items = ListOf(child=ReviewItem(), max_length=bounds.REVIEW_ITEMS, min_length=1)
    status = serializers.ChoiceField(ReviewStatus.choices)
    note = text_field(bounds.REVIEW_NOTE_CHARS, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        versions = {item["id"]: item["version"] for item in attrs["items"]}
        if len(versions) < len(attrs["items"]):
            raise serializers.ValidationError({"items": ["Name each only once."]})
        return {**attrs, "items": versions}


class ReviewConflict(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    version = serializers.IntegerField(
        allow_null=True,
        help_text=(
            "What it has now; null: it is not in the project (any more), or a page without content."
        ),
    )


class ReviewOutput(serializers.Serializer[Any]):
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="They had this status and note already.")
    conflicts = ReviewConflict(many=True)


class FieldChange(serializers.Serializer[Any]):
    """What was added has no `before`, what was removed no `after`."""

    before = serializers.JSONField(required=False, allow_null=True)
    after = serializers.JSONField(required=False, allow_null=True)

    def to_representation(self, instance: Any) -> Any:
        return instance  # as it is stored: what is not there is not null


class ChangeOutput(serializers.Serializer[ContentChange]):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    user = serializers.CharField(
        source="user.username", default=None, allow_null=True, help_text="Null: a run, or nobody."
    )
    runId = serializers.UUIDField(source="run_id", allow_null=True)
    code = serializers.CharField()
    change = serializers.ChoiceField(_TOLD)
    fields = serializers.DictField(child=FieldChange())  # type: ignore[assignment]  # declared fields leave the class
