"""What a call used and cost."""

import logging
from dataclasses import replace
from decimal import Decimal
from typing import Any

from batchgen.db.clock import DATABASE
from content.pipeline import Request
from providers.prices import cost_micro_usd
from providers.values import Completion
from runs.engine.lanes import Spend

log = logging.getLogger(__name__)

NO_SPEND = Spend()
#: Micro-dollars in a dollar.
MICRO = 1_000_000
#: As `ProviderCall.alike` keeps it.
ALIKE_CHARS = 100


def spend_of(answer: Completion, request: Request | None, *, batch: bool = False) -> Spend:
    """What an answer to a request used and cost, as far as it is known; the log says what is not.

    An unpriced model costs 0.

    Args:
        request: None where its call says what was asked.
        batch: it came with a batch, at the price of those.
    """
    if answer.usage is None:
        log.warning("request %s: answered without a usage; booked as unknown", answer.request_id)
        return replace(Spend.unknown(request_id=answer.request_id), **_asked(request))
    cost = cost_micro_usd(answer.model, answer.usage, at=DATABASE.as_known().date(), batch=batch)
    if cost is None:
        log.warning("no price for model %s: its calls are booked as free", answer.model)
    return Spend(
        input_tokens=answer.usage.input_tokens,
        output_tokens=answer.usage.output_tokens,
        cache_read_tokens=answer.usage.cache_read_tokens,
        cache_write_tokens=answer.usage.cache_write_tokens,
        cost_usd=Decimal(cost or 0) / MICRO,
        request_id=answer.request_id,
        **_asked(request),
    )


def _asked(request: Request | None) -> dict[str, Any]:
    """What quotes learn by."""
    if request is None:
        return {}
    return {
        "alike": request.alike[:ALIKE_CHARS],
        "prompt_bytes": request.completion.prompt_bytes,
    }
