"""What the API shows of quotes."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from rest_framework import serializers

from runs.api.run_input import RunInput
from runs.quoted import cost_range
from runs.quotes.durations import Binding
from runs.states import MoneyLane


class QuoteInput(RunInput):
    """The body of a start, but for the quote that a start may name."""

    quoteId = None  # type: ignore[assignment]  # as Django REST framework takes a field away


class CostRangeOutput(serializers.Serializer[Any]):
    low = serializers.DecimalField(max_digits=14, decimal_places=6)
    expected = serializers.DecimalField(max_digits=14, decimal_places=6)
    high = serializers.DecimalField(max_digits=14, decimal_places=6)


class DurationOutput(serializers.Serializer[Any]):
    p50 = serializers.IntegerField(help_text="Half of such runs are over by then.")
    p90 = serializers.IntegerField(help_text="Nine in ten are.")


class CostField(CostRangeOutput):
    """Dollars of what is kept in micro-dollars."""

    def to_representation(self, instance: Any) -> Any:
        return super().to_representation(cost_range(instance))


class QuoteLaneOutput(serializers.Serializer[Any]):
    lane = serializers.ChoiceField(MoneyLane.choices)
    costUsd = CostField(
        source="costMicroUsd",
        allow_null=True,
        help_text="19 of 20 bills are between low and high. Null: the model has no price.",
    )
    durationMs = DurationOutput(help_text="From the first item's begin on.")
    bindingLimit = serializers.ChoiceField(
        [binding.value for binding in Binding],
        allow_null=True,
        help_text=(
            "What the time depends on most: the run's lanes, its pacing, the workers' lanes "
            "(`workers`), BATCHGEN_LIMIT_CONCURRENCY (`concurrency`), a limit a minute, or the "
            "provider's batches. Null: there is nothing to do."
        ),
    )


# What a Quote shows.
class QuoteOutput(serializers.Serializer[Any]):
    quoteId = serializers.UUIDField(source="id", help_text="For `quoteId` of a start.")
    validUntil = serializers.DateTimeField(source="valid_until")
    items = serializers.IntegerField(source="answer.itemCount")
    calls = serializers.IntegerField(
        source="answer.calls", help_text="Expected, with those that are asked once more."
    )
    inputTokens = serializers.IntegerField(
        source="answer.inputTokens", help_text="Expected of all prompts, cached or not."
    )
    outputTokens = serializers.IntegerField(source="answer.outputTokens", help_text="Expected.")
    calibrated = serializers.BooleanField(
        source="answer.calibrated",
        help_text="Runs of this kind, with this model and these prompts, were seen before.",
    )
    lanes = QuoteLaneOutput(source="answer.lanes", many=True)
    cacheAssumption = serializers.CharField(source="answer.cacheAssumption")
    assumptions = serializers.ListField(child=serializers.CharField(), source="answer.assumptions")


class BillOutput(serializers.Serializer[Any]):
    costUsd = serializers.DecimalField(source="cost_usd", max_digits=14, decimal_places=6)
    durationMs = serializers.IntegerField(source="duration_ms")
    withinRange = serializers.BooleanField(
        source="within_range", allow_null=True, help_text="The cost is; null where none was quoted."
    )


class RunQuoteOutput(serializers.Serializer[Any]):
    quoteId = serializers.UUIDField(source="id")
    lane = serializers.ChoiceField(MoneyLane.choices)
    calibrated = serializers.BooleanField()
    costUsd = CostRangeOutput(source="cost", allow_null=True)
    durationMs = DurationOutput(source="duration")
    bill = BillOutput(allow_null=True, help_text="What became of it; null until the run is over.")
