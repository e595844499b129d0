"""What a call used and cost."""

import logging
from dataclasses import replace
from typing import Any

from batchgen.db.clock import DATABASE
from batchgen.micro_usd import usd_of
from content.pipeline import Request
from providers.prices import cost_micro_usd
from providers.values import Completion
from runs.engine.outcomes import Spend

log = logging.getLogger(__name__)

NO_SPEND = Spend()


def spend_of(answer: Completion, request: Request | None, *, batch: bool = False) -> Spend:
    """What an answer to a request used and cost, as far as it is known; the log says what is not.

    Where the provider names the model that answered in a word that has no price, that of the
    model that was asked for counts.

    Args:
        request: None where its call says what was asked.
        batch: it came with a batch, at the price of those.
    """
    if answer.usage is None:
        log.warning("request %s: answered without a usage; booked as unknown", answer.request_id)
        return replace(Spend.unknown(request_id=answer.request_id), **_asked(request))
    today = DATABASE.as_known().date()
    models = [answer.model, *([request.completion.model] if request else [])]
    costs = (cost_micro_usd(model, answer.usage, at=today, batch=batch) for model in models)
    cost = next((cost for cost in costs if cost is not None), None)
    if cost is None:
        log.warning("no price for model %s: what its calls cost is unknown", answer.model)
    return Spend(
        input_tokens=answer.usage.input_tokens,
        output_tokens=answer.usage.output_tokens,
        cache_read_tokens=answer.usage.cache_read_tokens,
        cache_write_tokens=answer.usage.cache_write_tokens,
        cache_write_1h_tokens=answer.usage.cache_write_1h_tokens,
        cost_usd=None if cost is None else usd_of(cost),
        price_date=None if cost is None else today,
        request_id=answer.request_id,
        **_asked(request),
    )


def _asked(request: Request | None) -> dict[str, Any]:
    """What quotes learn by."""
    if request is None:
        return {}
    return {
        "alike": request.asked,
        "prompt_bytes": request.completion.prompt_bytes,
    }


def usage_note(calls: int) -> str:
    """What a result's reader should know where the provider did not say what calls took."""
    whose = "a call" if calls == 1 else f"{calls} calls"
    return f"the provider did not say what {whose} took; tokens and cost are booked as unknown"
