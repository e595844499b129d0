"""The JSON of subtasks."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from rest_framework import serializers

from batchgen.api.inputs import ListOf, StrictSerializer, WholeNumber
from epics import bounds
from epics.api.fields import HoursField, review_status_field, text_field, title_field
from epics.api.versions import VersionInput
from epics.models import Subtask


class SubtaskOutput(serializers.ModelSerializer[Subtask]):
    storyId = serializers.UUIDField(source="story_id", read_only=True)
    effortHours = serializers.FloatField(source="effort_hours", read_only=True)
    criteria = serializers.ListField(
        child=serializers.IntegerField(),
        read_only=True,
        help_text="Numbers of the story's acceptance criteria that it serves, from 1.",
    )
    runId = serializers.UUIDField(source="run_id", read_only=True, allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)
    editedAt = serializers.DateTimeField(source="edited_at", read_only=True, allow_null=True)
    reviewStatus = review_status_field()
    reviewNote = serializers.CharField(source="review_note", read_only=True)

    class Meta:
        model = Subtask
        fields = (
            "id",
            "storyId",
            "code",
            "title",
            "description",
            "kind",
            "effortHours",
            "order",
            "criteria",
            "runId",
            "createdAt",
            "editedAt",
            "reviewStatus",
            "reviewNote",
            "version",
        )
        read_only_fields = fields


class SubtaskInput(StrictSerializer):
    title = title_field()
    description = text_field()
    kind = serializers.ChoiceField(Subtask.Kind.choices)
    effortHours = HoursField(source="effort_hours")
    order = WholeNumber(
        required=False, min_value=0, max_value=bounds.MAX_PRIORITY, help_text="Default: the last."
    )
    criteria = ListOf(
        child=WholeNumber(min_value=1, max_value=bounds.LIST_ENTRIES),
        max_length=bounds.LIST_ENTRIES,
        required=False,
        help_text="Numbers of the story's acceptance criteria that it serves, from 1.",
    )

    answered = SubtaskOutput.Meta.fields


class SubtaskPatch(VersionInput, SubtaskInput):
    pass
