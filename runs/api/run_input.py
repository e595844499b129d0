"""What may be sent to the endpoints of runs: bodies and query parameters."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from rest_framework import serializers

from batchgen.api.inputs import (
    Flag,
    Id,
    ListOf,
    Moment,
    QuerySerializer,
    StrictSerializer,
    WholeNumber,
)
from batchgen.api.paging import order_choices
from content.run_types import RunType
from content.stories.options import Mode, PersonaSet
from epics.bounds import MAX_EPICS
from runs.api.run_type import RunTypeField
from runs.models.work import MOST_PRIORITY
from runs.pacing import MOST_LANES
from runs.states import ItemStatus, Pacing, Priority, RunStatus


class OptionsInput(StrictSerializer):
    skipQualityCheck = Flag(default=False)
    keepEdited = Flag(
        default=True,
        help_text="Stories that a person edited are not replaced; new ones take other codes.",
    )


# Becomes the arguments of RunOptions.
class RunInput(StrictSerializer):
    type = RunTypeField(default=RunType.GENERATE_ALL_STORIES.value)
    mode = serializers.ChoiceField(Mode.choices, default=Mode.STANDARD)
    personaSet = serializers.ChoiceField(
        PersonaSet.choices, default=PersonaSet.CORE, source="persona_set"
    )
    pacingProfile = serializers.ChoiceField(
        Pacing.choices, default=Pacing.NORMAL, source="pacing_profile"
    )
    priority = serializers.ChoiceField(
        Priority.choices, default=Priority.NORMAL, allow_null=True, help_text="Null: computed."
    )
    epicIds = ListOf(
        child=Id(),
        default=None,
        allow_null=True,
        max_length=MAX_EPICS,
        source="target_ids",
        help_text=(
            "Null: all epics of the project that are open in no other run. GENERATE_STORIES "
            "needs exactly one."
        ),
    )
    maxConcurrency = WholeNumber(
        default=None,
        allow_null=True,
        min_value=1,
        max_value=MOST_LANES,
        source="max_concurrency",
        help_text="Epics at the same time; null: as the pacing profile says.",
    )
    deadline = Moment(
        default=None,
        allow_null=True,
        help_text="When the stories are needed; part of a computed priority.",
    )
    options = OptionsInput(default=dict)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        options = attrs.pop("options")
        chosen = {
            "mode": attrs.pop("mode"),
            "persona_set": attrs.pop("persona_set"),
            "skip_quality_check": options.get("skipQualityCheck", False),
            "keep_edited": options.get("keepEdited", True),
        }
        return {**attrs, "options": chosen}


class RunQuery(QuerySerializer):
    effective = Flag(
        default=False,
        help_text="Merge the run with its retries and what it retries: the latest outcomes.",
    )


class RunChangeInput(StrictSerializer):
    priority = serializers.ChoiceField(Priority.choices, required=False)
    maxConcurrency = WholeNumber(
        required=False, min_value=1, max_value=MOST_LANES, source="max_concurrency"
    )
    version = WholeNumber(min_value=1, max_value=2**31 - 1)

    keywords = {"minProperties": 2}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) == 1:
            raise serializers.ValidationError("Name priority or maxConcurrency.")
        return attrs


class RetryInput(StrictSerializer):
    includePending = Flag(default=False)


class RunEpicsQuery(RunQuery):
    status = serializers.ChoiceField(ItemStatus.choices, required=False)


class RunItemsQuery(RunEpicsQuery):
    order = serializers.ChoiceField(
        ["order", "completedAt"], default="order", help_text="`completedAt`: those that ended."
    )


class AddItemsInput(StrictSerializer):
    targetIds = ListOf(child=Id(), min_length=1, max_length=MAX_EPICS, source="target_ids")


class ItemChangeInput(StrictSerializer):
    priority = WholeNumber(min_value=0, max_value=MOST_PRIORITY)


#: What runs can be ordered by: {name in the JSON: column}.
RUN_ORDERS = {"createdAt": "created_at"}


class RunsQuery(QuerySerializer):
    project = Id(required=False)
    status = serializers.ChoiceField(RunStatus.choices, required=False)
    type = RunTypeField(required=False)
    order = serializers.ChoiceField(
        order_choices(RUN_ORDERS),
        default="-createdAt",
        help_text="With `-`: the other way round.",
    )


class LogQuery(QuerySerializer):
    after = WholeNumber(
        required=False,
        min_value=0,
        max_value=2**31 - 1,
        help_text="The `seq` of the last line that you have; `page.next` is the next one to give.",
    )
    cursor = WholeNumber(
        required=False,
        min_value=0,
        max_value=2**31 - 1,
        help_text="`page.next`; the same as `after`.",
    )
    limit = WholeNumber(default=200, min_value=1, max_value=1000)
