"""What a webhook can be told of, and the body that tells it. Pure."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import TextChoices

from batchgen.api.output import moment_text
from runs.engine.news import RunNews


class EventType(TextChoices):
    """The `type` of a body, and what a hook's `events` name; a test is for nobody to name."""

    RUN_STARTED = RunNews.STARTED.value, "Run started"
    RUN_PAUSED = RunNews.PAUSED.value, "Run paused"
    RUN_RESUMED = RunNews.RESUMED.value, "Run resumed"
    RUN_ENDED = RunNews.ENDED.value, "Run ended"
    RUN_BUDGET = RunNews.BUDGET.value, "Budget used up in part"
    ITEM_FAILED = "item.failed", "Item failed"
    GATE_CLOSED = "gate.closed", "Gate closed"
    GATE_OPENED = "gate.opened", "Gate opened"
    TEST = "webhook.test", "Test"


#: Those that a hook can be told of, in the order in which they are listed.
EVENTS = tuple(event for event in EventType if event is not EventType.TEST)


def in_order(events: Iterable[str]) -> list[str]:
    """Each once, in the order of EVENTS."""
    wanted = set(events)
    return [event.value for event in EVENTS if event in wanted]


def body_text(event: str, *, at: datetime, data: Any) -> str:
    """The bytes that are signed and sent, as text: ASCII, without white space between values.

    Args:
        at: when it happened.
        data: an object of the API, as its answers have it.
    """
    body = {"type": str(event), "timestamp": moment_text(at), "data": data}
    return json.dumps(body, separators=(",", ":"), default=str)
