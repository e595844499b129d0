"""OpenAPI schemas of the events, as a client parses them."""
# ruff: noqa: N815 - a field's name is its key in the JSON

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, inline_serializer
from rest_framework import serializers

from runs.api.item_output import RunEpicOutput, RunItemOutput
from runs.api.run_output import RunLogOutput, RunOutput
from runs.live.events import Name


class TicketOutput(serializers.Serializer[Any]):
    ticket = serializers.CharField(help_text="Goes into `?ticket=` of the run's event stream.")
    goodUntil = serializers.DateTimeField(source="until")


class HeartbeatOutput(serializers.Serializer[Any]):
    at = serializers.DateTimeField()


class ResetOutput(serializers.Serializer[Any]):
    """Nothing: read the run again."""


_DATA: dict[Name, type[serializers.BaseSerializer[Any]]] = {
    Name.RUN: RunOutput,
    Name.EPIC: RunEpicOutput,
    Name.ITEM: RunItemOutput,
    Name.LOG: RunLogOutput,
    Name.HEARTBEAT: HeartbeatOutput,
    Name.RESET: ResetOutput,
    Name.END: RunOutput,
}


def _message(name: Name) -> serializers.Serializer[Any]:
    no_id = "Null on heartbeats, and on all but the last of the opening."
    return inline_serializer(
        f"{name.capitalize()}Message",
        {
            "id": serializers.CharField(allow_null=True, help_text=no_id),
            "event": serializers.ChoiceField([name.value]),
            "data": _DATA[name](),
        },
    )


RUN_EVENT = PolymorphicProxySerializer(
    "RunEvent", {name.value: _message(name) for name in _DATA}, resource_type_field_name="event"
)
