"""The parts of a run's JSON."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from rest_framework import serializers

from runs.states import HealthVerdict


class EmptyAsNull(serializers.CharField):
    """A text that is null where there is none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)

    def to_representation(self, value: Any) -> Any:
        return super().to_representation(value) if value else None


class UsageOutput(serializers.Serializer[Any]):
    inputTokens = serializers.IntegerField(source="input_tokens", help_text="Uncached ones.")
    outputTokens = serializers.IntegerField(source="output_tokens")
    cacheReadTokens = serializers.IntegerField(source="cache_read_tokens")
    cacheWriteTokens = serializers.IntegerField(source="cache_write_tokens")
    costUsd = serializers.DecimalField(source="cost_usd", max_digits=14, decimal_places=4)
    unknownCalls = serializers.IntegerField(
        source="unknown_calls",
        help_text=(
            "Answered calls whose usage the provider did not say; the other numbers are without "
            "them."
        ),
    )


class CacheOutput(serializers.Serializer[Any]):
    hitRate = serializers.FloatField(
        source="hit_rate",
        allow_null=True,
        help_text=(
            "Of all input tokens, the part that the provider read from its cache: 0 to 1. Null "
            "before the first answer."
        ),
    )
    savedUsd = serializers.DecimalField(
        source="saved_usd",
        max_digits=14,
        decimal_places=4,
        allow_null=True,
        help_text=(
            "What the same input would have cost more without a cache; below 0 where more was "
            "written than read. Null for a model without a price."
        ),
    )


class RunErrorOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class PriorityReasonOutput(serializers.Serializer[Any]):
    factor = serializers.CharField(help_text="Such as `size`, `impact`, `stories`, `deadline`.")
    points = serializers.IntegerField()
    message = serializers.CharField()


class RangeOutput(serializers.Serializer[Any]):
    lowMs = serializers.IntegerField(source="low_ms")
    highMs = serializers.IntegerField(source="high_ms")


class RunItemsOutput(serializers.Serializer[Any]):
    kind = serializers.CharField(
        source="kind.item_kind", help_text="What an item is: `epic`, `story`, `upload`, `page` ..."
    )
    total = serializers.IntegerField()
    pending = serializers.IntegerField()
    generating = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    cancelled = serializers.IntegerField()


class HealthOutput(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(
        HealthVerdict.choices,
        help_text=(
            "flowing: items are under way. waiting: it goes on by itself, or when who stopped it "
            "lets it. stuck: it does not, until somebody does what `nextAction` says."
        ),
    )
    reason = serializers.CharField(help_text="For people; its times are UTC.")
    nextAction = serializers.CharField(
        source="next_action",
        allow_null=True,
        help_text="What somebody can do about it; never null of a stuck run.",
    )
    since = serializers.DateTimeField(
        help_text="Since when the verdict and the reason are these, by PostgreSQL's clock."
    )


class RunBatchesOutput(serializers.Serializer[Any]):
    submitted = serializers.IntegerField(
        source="batches_submitted", help_text="That the provider was handed."
    )
    processing = serializers.IntegerField(
        source="batches_processing", help_text="Those of them whose answers are waited for."
    )
    ended = serializers.IntegerField(source="batches_ended")


class EpicsCount(serializers.IntegerField):
    """A count of a run over epics; 0 where its items are others."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "Of a run over epics, as in `items`; else 0.")
        super().__init__(default=0, **kwargs)
