"""What a run's prompts found in the provider's cache, by the provider's own numbers."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from providers.prices import cache_saving_micro_usd
from providers.values import Usage
from runs.states import MoneyLane

_MICRO_USD = Decimal(1_000_000)
_PLACES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheUse:
    """How much of the input was read from the cache, 0 to 1, and what that saved.

    Attributes:
        hit_rate: None before the first answer.
        saved_usd: less than 0 where more was written than read; None without a price.
    """

    hit_rate: float | None
    saved_usd: Decimal | None


def cache_use(
    *, model: str, lane: str, at: date, input_tokens: int, read_tokens: int, write_tokens: int
) -> CacheUse:
    """Of all calls of a run together.

    Args:
        lane: of the run; where its requests go out in batches, the cache is written for an hour,
            and what is saved is half as much.
        at: the day that the run began.
    """
    batch = lane != MoneyLane.REALTIME
    usage = Usage(
        input_tokens=input_tokens,
        cache_read_tokens=read_tokens,
        cache_write_5m_tokens=0 if batch else write_tokens,
        cache_write_1h_tokens=write_tokens if batch else 0,
    )
    saved = cache_saving_micro_usd(model, usage, at, batch=batch)
    return CacheUse(
        hit_rate=round(read_tokens / usage.prompt_tokens, _PLACES) if usage.prompt_tokens else None,
        saved_usd=None if saved is None else saved / _MICRO_USD,
    )
