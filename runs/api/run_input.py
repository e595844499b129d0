"""What may be sent to the endpoints of runs: bodies and query parameters."""
# ruff: noqa: N815 - a field's name is its key in the JSON

import re
from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers

from batchgen.api.inputs import (
    Flag,
    Id,
    ListOf,
    Moment,
    PlainText,
    QuerySerializer,
    StrictSerializer,
    Usd,
    WholeNumber,
)
from batchgen.api.paging import order_choices
from content.kind import BESIDE
from content.registry import Kind, kind_started_by
from content.run_types import RunType
from content.stories.options import Mode, PersonaSet
from epics.bounds import MAX_EPICS, MAX_TARGETS
from runs.api.run_options import OptionsField, options_chosen
from runs.api.run_type import RunTypeField
from runs.engine.controls import Limit
from runs.models.work import MOST_PRIORITY
from runs.pacing import MOST_LANES
from runs.states import ItemStatus, MoneyLane, Pacing, Priority, RunStatus

#: As `Run.model` and `RunItem.error_code` keep them.
_MODEL_CHARS = 100
_CODE_CHARS = 50
#: Of a retry; there are fewer.
_MOST_CODES = 50
_MODEL_ID = re.compile("^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$", re.ASCII)


class ModelId(PlainText):
    """The id of a model, as its provider calls it."""

    pattern = _MODEL_ID.pattern
    default_error_messages: ClassVar = {
        "form": "Give the model's id: letters, digits and . _ : / @ + - in between."
    }

    def check(self, text: str) -> None:
        super().check(text)
        if not _MODEL_ID.fullmatch(text):
            self.fail("form")


# Becomes the arguments of RunOptions.
class RunInput(StrictSerializer):
    type = RunTypeField(default=RunType.GENERATE_ALL_STORIES.value)
    mode = serializers.ChoiceField(
        Mode.choices,
        required=False,
        help_text="Of runs that write stories: standard, where it is not given.",
    )
    personaSet = serializers.ChoiceField(
        PersonaSet.choices,
        required=False,
        source="persona_set",
        help_text="Of runs that write stories: core, where it is not given.",
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
        help_text="The same as targetIds, for types whose items are epics; not beside it.",
    )
    targetIds = ListOf(
        child=Id(),
        default=None,
        allow_null=True,
        max_length=MAX_TARGETS,
        help_text=(
            "What to run over; null: all of the project that fit and are open in no other run. "
            "GENERATE_STORIES needs exactly one."
        ),
    )
    model = ModelId(
        default=None,
        allow_null=True,
        max_length=_MODEL_CHARS,
        trim_whitespace=False,
        help_text="The model that answers; null: as the server is set.",
    )
    maxConcurrency = WholeNumber(
        default=None,
        allow_null=True,
        min_value=1,
        max_value=MOST_LANES,
        source="max_concurrency",
        help_text=(
            "Items at the same time; null: as the pacing profile says. `adaptive` then follows the "
            "calls that may begin and what they take."
        ),
    )
    deadline = Moment(
        default=None,
        allow_null=True,
        help_text=(
            "When what is made is needed; part of a computed priority. The lane `cheapest` ends by "
            "it."
        ),
    )
    lane = serializers.ChoiceField(
        MoneyLane.choices,
        default=MoneyLane.REALTIME,
        help_text=(
            "How each item's first request is asked. `batch`: by the provider's batches, at half "
            "the price, within a day. `cheapest`: by batches as long as `deadline` allows (none: "
            "24 h), then realtime. Repairs and further requests are realtime."
        ),
    )
    options = OptionsField(default=dict)
    quoteId = Id(
        required=False,
        allow_null=True,
        source="quote_id",
        help_text="The quote that it was made by, for the same body; the run keeps it.",
    )
    budgetUsd = Usd(
        default=None,
        allow_null=True,
        positive=True,
        source="budget_micro_usd",
        help_text=(
            "What the run may spend; null: no limit of its own. No call starts whose worst case "
            "does not fit; then the run is PAUSED with BUDGET_REACHED."
        ),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        kind = kind_started_by(attrs["type"])
        beside = {name: attrs.pop(name) for name in BESIDE if name in attrs}
        options = options_chosen(kind, attrs["type"], attrs.pop("options"), beside)
        if attrs["model"] is not None and not kind.uses_provider:
            raise serializers.ValidationError(
                {"model": [f"{attrs['type']} asks no model. Leave it out."]}
            )
        if attrs["lane"] != MoneyLane.REALTIME and not kind.uses_provider:
            raise serializers.ValidationError(
                {"lane": [f"{attrs['type']} makes no calls. Leave it out."]}
            )
        target_ids = _target_ids(kind, attrs)
        return {**attrs, "options": options, "target_ids": target_ids}


def _target_ids(kind: Kind, attrs: dict[str, Any]) -> list[UUID] | None:
    epic_ids: list[UUID] | None = attrs.pop("epicIds")
    target_ids: list[UUID] | None = attrs.pop("targetIds")
    if epic_ids is None:
        return target_ids
    many = kind.item_words[1]
    if target_ids is not None:
        problem = "Give epicIds or targetIds, not both."
    elif kind.item_kind != "epic":
        problem = f"{attrs['type']} takes {many}. Name them in targetIds."
    else:
        return epic_ids
    raise serializers.ValidationError({"epicIds": [problem]})


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
    budgetUsd = Usd(
        required=False,
        allow_null=True,
        source="budget_micro_usd",
        help_text="What the run may spend, what it spent already included; null: no limit.",
    )
    version = WholeNumber(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text=(
            "The version that you read; another one now answers 409 VERSION_CONFLICT. It may be "
            "left out where budgetUsd alone is changed."
        ),
    )

    keywords = {
        "anyOf": [{"required": ["version"], "minProperties": 2}, {"required": ["budgetUsd"]}],
        "dependentRequired": {"priority": ["version"], "maxConcurrency": ["version"]},
    }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        changes = attrs.keys() - {"version"}
        if not changes:
            raise serializers.ValidationError("Name priority, maxConcurrency or budgetUsd.")
        if "version" not in attrs and changes != {"budget_micro_usd"}:
            raise serializers.ValidationError({"version": ["This field is required."]})
        if "budget_micro_usd" in attrs:
            attrs["budget"] = Limit(micro_usd=attrs.pop("budget_micro_usd"))
        return attrs


class PauseInput(StrictSerializer):
    batches = serializers.ChoiceField(
        ["finish", "cancel"],
        default="finish",
        help_text=(
            "What becomes of requests that are out in the provider's batches: they are waited for "
            "and kept, or cancelled there; what is cancelled is asked again after a resume."
        ),
    )


class RetryInput(StrictSerializer):
    includePending = Flag(default=False)
    errorCodes = ListOf(
        child=PlainText(max_length=_CODE_CHARS),
        max_length=_MOST_CODES,
        default=list,
        source="error_codes",
        help_text="Only what failed with one of these; empty: all that failed.",
    )
    budgetUsd = Usd(
        required=False,
        allow_null=True,
        positive=True,
        source="budget_micro_usd",
        help_text="Of the new run; left out: what is left of the old one's. Null: none.",
    )


class RunEpicsQuery(RunQuery):
    status = serializers.ChoiceField(ItemStatus.choices, required=False)


class RunItemsQuery(RunEpicsQuery):
    order = serializers.ChoiceField(
        ["order", "completedAt"], default="order", help_text="`completedAt`: those that ended."
    )


class AddItemsInput(StrictSerializer):
    targetIds = ListOf(child=Id(), min_length=1, max_length=MAX_TARGETS, source="target_ids")


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
