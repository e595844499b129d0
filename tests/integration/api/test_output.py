"""What is sent is what the serializers say."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from rest_framework import serializers

from batchgen.api.output import shown, shown_all
from epics import selectors
from epics.api.member_views import MemberOutput
from epics.api.serializers import CardOutput, EpicOutput, ProjectOutput, StoryOutput
from epics.models import Card, Membership, Story
from runs.api.action_output import RunActionOutput
from runs.api.item_output import RunEpicOutput
from runs.api.queue_json import QueueStatusOutput
from runs.api.run_output import EffectiveRunOutput, RunLogOutput, RunOutput
from runs.engine.start import RunOptions, run_start
from runs.engine.transitions import run_begin
from runs.models import RunAction, RunLog
from runs.reads.items import items_list
from runs.reads.lineage import run_effective
from runs.reads.progress import RunProgress
from runs.reads.queue import queue_status
from runs.reads.selectors import run_read
from tests.factories import project_make, user_make


class _Part(serializers.Serializer[Any]):
    name = serializers.CharField()
    at = serializers.DateTimeField(source="since", allow_null=True)


class _Every(serializers.Serializer[Any]):
    """A field of each kind, and each way to a value."""

    text = serializers.CharField(source="text_value")
    number = serializers.IntegerField()
    share = serializers.FloatField()
    flag = serializers.BooleanField()
    key = serializers.UUIDField()
    at = serializers.DateTimeField()
    cost = serializers.DecimalField(max_digits=10, decimal_places=4)
    kind = serializers.ChoiceField(["a", "b"])
    words = serializers.ListField(child=serializers.CharField())
    marks = serializers.ListField(child=serializers.DictField())
    times = serializers.DictField(child=serializers.IntegerField())
    part = _Part(allow_null=True)
    parts = _Part(many=True)
    whole = _Part(source="part", allow_null=True)
    deep = serializers.CharField(source="part.name", default="none")
    deeper = serializers.CharField(source="part.name.real", default=None, allow_null=True)
    method = serializers.SerializerMethodField()
    secret = serializers.CharField(write_only=True)

    def get_method(self, row: Any) -> str:
        return f"{row.number} of them"


_PART = SimpleNamespace(name="one", since=datetime(2026, 1, 2, 3, 4, 5, 678, UTC))
_ROW = {
    "text_value": "ä",
    "number": 7,
    "share": 0.5,
    "flag": True,
    "key": UUID(int=5),
    "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "cost": Decimal("1.5"),
    "kind": "a",
    "words": ["x", "y"],
    "marks": [{"a": 1, 2: None}],
    "times": {"a": "1", 3: None},
    "part": _PART,
    "parts": [_PART, {"name": "two", "since": None}],
}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"part": None},
        {"part": {"name": "a dict", "since": None}},
        {"parts": [], "words": [], "marks": []},
        {"at": datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))},
        {"text_value": 5, "number": "8", "share": 1, "kind": "", "times": {}},
        {"kind": "of another release", "times": None},
        {"kind": None},
        {"text_value": None, "number": None, "key": None, "at": None, "words": None},
    ],
)
def test_every_kind_of_field(changed: dict[str, Any]) -> None:
    row = SimpleNamespace(**{**_ROW, **changed})
    assert shown(_Every, row) == _Every(row).data
    assert shown_all(_Every, [row, row]) == [_Every(row).data] * 2


def test_a_value_that_is_not_there_is_an_error() -> None:
    with pytest.raises(AttributeError, match="number"):
        shown(_Every, SimpleNamespace(**{k: v for k, v in _ROW.items() if k != "number"}))


@pytest.mark.django_db(transaction=True)
def test_every_row_of_the_api() -> None:
    project = project_make(epics=3, stories=2)
    run = run_start(project=project, user=project.created_by, options=RunOptions())
    run_begin(run_id=run.pk)
    read = run_read(run_id=run.pk)
    rows: dict[type[serializers.Serializer[Any]], Any] = {
        ProjectOutput: selectors.project_read(project_id=project.pk),
        CardOutput: Card.objects.first(),
        EpicOutput: selectors.epics_list(project=project).first(),
        StoryOutput: Story.objects.first(),
        MemberOutput: Membership.objects.first(),
        RunOutput: RunProgress.of(read),
        EffectiveRunOutput: run_effective(run=read),
        RunEpicOutput: items_list(run=run, epics=True).first(),
        RunLogOutput: RunLog.objects.first(),
        RunActionOutput: RunAction.objects.first(),
        QueueStatusOutput: queue_status(user=user_make(is_staff=True)),
    }
    for serializer, row in rows.items():
        assert row is not None
        assert shown(serializer, row) == serializer(row).data
