"""A quote as the page of a start shows it, with what in it does not fit what was chosen."""

from collections.abc import Iterator
from typing import Any

from batchgen.db.clock import database_now
from batchgen.micro_usd import usd_of
from content.kind import counted
from content.registry import Kind
from runs.engine.start import RunOptions
from runs.models import Quote
from runs.quoted import cost_range
from runs.reads.budgets import months_left
from runs.reads.eta import duration_text
from runs.reads.replaced import replaced_among, replaced_text, replaces
from web.templatetags.web import usd

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


def quote_shown(quote: Quote, kind: Kind, options: RunOptions) -> dict[str, Any]:
    """What the template reads, for a start with these options."""
    answer = quote.answer
    chosen = next(lane for lane in answer["lanes"] if lane["lane"] == options.lane)
    return {
        "id": quote.pk,
        "items": counted(answer["itemCount"], kind.item_words),
        "calls": answer["calls"],
        "calibrated": answer["calibrated"],
        "lanes": [{**_lane(lane), "chosen": lane is chosen} for lane in answer["lanes"]],
        "assumptions": [answer["cacheAssumption"], *answer["assumptions"]],
        "warnings": [
            *_money(quote, chosen, options),
            *_time(chosen, options),
            *_replaced(quote, kind, options),
        ],
    }


def _lane(lane: dict[str, Any]) -> dict[str, Any]:
    return {
        "lane": lane["lane"].capitalize(),
        "cost": cost_range(lane["costMicroUsd"]),
        **lane["durationMs"],
        "binding": _BINDING.get(lane["bindingLimit"] or "", "-"),
    }


def _money(quote: Quote, lane: dict[str, Any], options: RunOptions) -> Iterator[str]:
    """Of each budget that counts the run: whether it may be too small."""
    cost = lane["costMicroUsd"]
    left = {f"What is left of the {of.value}'s month": n for of, n in months_left(quote.project)}
    if options.budget_micro_usd is not None:
        left["The budget"] = options.budget_micro_usd
    for name, amount in left.items():
        if cost is None:
            yield f"{name} cannot hold: the model has no price."
        elif amount < cost["expected"]:
            yield (
                f"{name}, {_text(amount)}, is less than what is expected here, "
                f"{_text(cost['expected'])}: the run is paused once it is used up."
            )
        elif amount < cost["high"]:
            yield f"{name}, {_text(amount)}, may not do: this can cost {_text(cost['high'])}."


def _time(lane: dict[str, Any], options: RunOptions) -> Iterator[str]:
    """Whether it may be late."""
    if options.deadline is None:
        return
    left_ms = round((options.deadline - database_now()).total_seconds() * 1000)
    if left_ms < lane["durationMs"]["p90"]:
        taken = duration_text(lane["durationMs"]["p90"])
        until = f"in {duration_text(left_ms)}" if left_ms > 0 else "over already"
        yield f"The deadline is {until}; nine in ten of such runs take up to {taken}."


def _replaced(quote: Quote, kind: Kind, options: RunOptions) -> Iterator[str]:
    """Whether what people wrote goes."""
    told = quote.body["options"]
    if not replaces(kind, told):
        return
    targets = options.target_ids
    if targets is None:
        fitting = kind.targets(quote.project, None, kind.options.model_validate(told))
        targets = [target.id for target in fitting]
    if count := replaced_among(kind, targets=targets, options=told):
        yield f"{replaced_text(kind, count)}."


def _text(micro_usd: int) -> str:
    return usd(usd_of(micro_usd))
