"""What the API shows of a run's budget."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from rest_framework import serializers

from batchgen.api.output import UsdOutput


# What `RunProgress.budget` shows.
class BudgetOutput(serializers.Serializer[Any]):
    limitUsd = UsdOutput(source="limit")
    spentUsd = UsdOutput(source="spent", help_text="By calls whose cost is known.")
    heldUsd = UsdOutput(source="held", help_text="What calls under way can cost at most.")
    possiblyUsd = UsdOutput(
        source="possibly",
        help_text="The most that calls cost of which nobody knows whether they were billed.",
    )
    leftUsd = UsdOutput(source="left", help_text="The limit without all of these.")
