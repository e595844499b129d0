"""Optimistic locking over REST: a PATCH may name the version that its sender read."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from batchgen.api.inputs import StrictSerializer, WholeNumber
from batchgen.api.operations import valid


class VersionInput(StrictSerializer):
    """What every PATCH shares: a version, and that any field may be left out."""

    version = WholeNumber(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The version that you read; another one now answers 409 VERSION_CONFLICT.",
    )

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields


def patch_of(
    serializer: type[serializers.Serializer[Any]], request: Request
) -> tuple[dict[str, Any], int | None]:
    """The changes that a request asks for, and the version that they are meant for, if named.

    Raises:
        ValidationFailed: it asks for something else.
    """
    changes = valid(serializer, request.data)
    return changes, changes.pop("version", None)
