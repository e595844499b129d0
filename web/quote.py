"""A quote as the page of a start shows it."""

from typing import Any

from content.kind import counted
from content.registry import Kind
from runs.models import Quote
from runs.quoted import cost_range

#: What a run's time depends on most, in words.
_BINDING = {
    "lanes": "items at the same time",
    "pacing": "the pacing's pauses",
    "workers": "what the workers offer",
    "concurrency": "calls at the same time",
    "requests": "the limit of requests",
    "inputTokens": "the limit of input tokens",
    "outputTokens": "the limit of output tokens",
    "batches": "the provider's batches",
}


def quote_shown(quote: Quote, kind: Kind) -> dict[str, Any]:
    """What the template reads."""
    answer = quote.answer
    return {
        "id": quote.pk,
        "items": counted(answer["itemCount"], kind.item_words),
        "calls": answer["calls"],
        "calibrated": answer["calibrated"],
        "lanes": [_lane(lane) for lane in answer["lanes"]],
        "assumptions": [answer["cacheAssumption"], *answer["assumptions"]],
    }


def _lane(lane: dict[str, Any]) -> dict[str, Any]:
    return {
        "lane": lane["lane"].capitalize(),
        "cost": cost_range(lane["costMicroUsd"]),
        **lane["durationMs"],
        "binding": _BINDING.get(lane["bindingLimit"] or "", "-"),
    }
