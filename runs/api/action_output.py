"""What the API shows of a run's trail."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from content.registry import kind_started_by
from runs.models import RunAction


class RunActionOutput(serializers.ModelSerializer[RunAction]):
    action = serializers.ChoiceField(RunAction.Kind.choices, source="kind")
    details = serializers.SerializerMethodField(
        help_text=(
            "Of pause, resume, cancel and change `epicsDone`, which is `itemsDone` where the items "
            "are no epics."
        )
    )

    class Meta:
        model = RunAction
        fields = ("action", "actor", "at", "details")
        read_only_fields = fields

    @extend_schema_field(serializers.DictField())
    def get_details(self, action: RunAction) -> dict[str, Any]:
        told: dict[str, Any] = action.details
        if "epicsDone" not in told or kind_started_by(action.run.type).item_kind == "epic":
            return told
        return {"itemsDone" if name == "epicsDone" else name: told[name] for name in told}
