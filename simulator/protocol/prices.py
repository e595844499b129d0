"""What the provider charges: its own table, in whole nano-dollars a token."""

import re
from dataclasses import dataclass

NANO_PER_MICRO = 1000
_VERSION = re.compile(r"-(\d{8}|latest)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """The billed tokens of one call, by price."""

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0

    @property
    def prompt(self) -> int:
        """All input, at whatever price."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h


@dataclass(frozen=True, kw_only=True, slots=True)
class Tariff:
    """One model's prices for prompts of more than `prompt_over` tokens; $1 a million is 1000."""

    input: int
    output: int
    cache_read: int
    prompt_over: int = 0

    def nano_usd(self, tokens: Tokens) -> int:
        """The price without a discount. Writing to the cache costs 5/4 of input, or twice it."""
        quarters = 5 * tokens.cache_write_5m + 8 * tokens.cache_write_1h
        return (
            self.input * tokens.input
            + self.input * quarters // 4
            + self.cache_read * tokens.cache_read
            + self.output * tokens.output
        )


_TARIFFS: dict[str, tuple[Tariff, ...]] = {
    "claude-haiku-5-5": (
        Tariff(input=500, output=2_500, cache_read=50, prompt_over=100_000),
        Tariff(input=100, output=500, cache_read=10),
    ),
    "claude-sonnet-5-5": (Tariff(input=2_000, output=10_000, cache_read=100),),
    "claude-opus-5-5": (Tariff(input=4_000, output=20_000, cache_read=200),),
    "claude-fable-5-1": (Tariff(input=10_000, output=50_000, cache_read=250),),
    "claude-opus-5": (Tariff(input=5_000, output=25_000, cache_read=500),),
    "claude-sonnet-5": (Tariff(input=2_000, output=10_000, cache_read=200),),
    "claude-haiku-4-5": (Tariff(input=1_000, output=5_000, cache_read=100),),
}
"""By model; the longest prompts come first."""


def micro_usd(model: str, tokens: Tokens, *, batch: bool) -> int | None:
    """What a call costs, rounded half up once; None for a model whose price is not known."""
    tariffs = _TARIFFS.get(_VERSION.sub("", model), ())
    for tariff in tariffs:
        if tariff.prompt_over == 0 or tokens.prompt > tariff.prompt_over:
            divisor = NANO_PER_MICRO * (2 if batch else 1)
            return (2 * tariff.nano_usd(tokens) + divisor) // (2 * divisor)
    return None
