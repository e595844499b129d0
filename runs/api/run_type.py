"""The types of runs, as bodies and answers have them."""

from typing import Any

from rest_framework import serializers

from content.registry import run_types


class RunTypeField(serializers.ChoiceField):
    """A type that a kind is started by; of an app's own kinds too, whenever they were added."""

    def __init__(self, **kwargs: Any) -> None:
        # Each serializer that is made makes its fields anew.
        super().__init__(choices=run_types(), **kwargs)
