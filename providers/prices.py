"""What a call cost, by the price table in prices.toml; exact decimals."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

from providers.values import Usage

PRICES_PATH = Path(__file__).with_name("prices.toml")

#: Prices are per million tokens.
_TOKENS_PER_PRICE = Decimal(1_000_000)
#: Costs are kept to a millionth of a dollar.
_PLACES = Decimal("0.000001")
#: What a model's id may end in without being another model: a date or "latest".
_VERSION = re.compile(r"-(\d{8}|latest)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """One row of the table: US dollars per million tokens; the columns stand in prices.toml."""

    model: str
    since: date
    input: Decimal
    output: Decimal
    cache_write: Decimal
    cache_read: Decimal
    prompt_over: int = 0

    def cost_usd(self, usage: Usage) -> Decimal:
        """What this usage costs at this price, rounded half up to six places."""
        dollars = (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_write_tokens * self.cache_write
            + usage.cache_read_tokens * self.cache_read
        )
        return (dollars / _TOKENS_PER_PRICE).quantize(_PLACES, rounding=ROUND_HALF_UP)


def cost_usd(model: str, usage: Usage, at: date) -> Decimal | None:
    """What a call cost, or None when the table has no price for this model on that day.

    The model must be the table's id, alone or with a date or "latest" behind it. A shorter id
    never stands in for a longer one: claude-opus-5 and claude-opus-5-5 have their own prices.
    Of the rows that hold, the newest counts, and of equally new ones that for the longest prompt.
    """
    prompt_tokens = usage.input_tokens + usage.cache_write_tokens + usage.cache_read_tokens
    rows = [
        price
        for price in _prices().get(_VERSION.sub("", model), ())
        if price.since <= at and (prompt_tokens > price.prompt_over or price.prompt_over == 0)
    ]
    if not rows:
        return None
    return max(rows, key=lambda price: (price.since, price.prompt_over)).cost_usd(usage)


def parse_prices(text: str) -> dict[str, tuple[Price, ...]]:
    """The table by model.

    Raises:
        ValueError: a row is incomplete, negative, or there twice.
    """
    prices = [_price(row) for row in tomllib.loads(text, parse_float=Decimal)["price"]]
    _refuse_doubles(prices)
    return {
        model: tuple(price for price in prices if price.model == model)
        for model in {price.model for price in prices}
    }


def _price(row: Mapping[str, Any]) -> Price:
    money = ("input", "output", "cache_write", "cache_read")
    try:
        price = Price(**{**row, **{name: Decimal(row[name]) for name in money}})
    except (KeyError, TypeError) as exc:
        raise ValueError(f"prices.toml: a row is not complete: {dict(row)}") from exc
    if min(price.input, price.output, price.cache_write, price.cache_read) < 0:
        raise ValueError(f"prices.toml: a price is negative: {dict(row)}")
    return price


def _refuse_doubles(prices: Iterable[Price]) -> None:
    seen: set[tuple[str, date, int]] = set()
    for price in prices:
        key = (price.model, price.since, price.prompt_over)
        if key in seen:
            raise ValueError(f"prices.toml: {price.model} has two rows since {price.since}")
        seen.add(key)


@cache
def _prices() -> dict[str, tuple[Price, ...]]:
    return parse_prices(PRICES_PATH.read_text(encoding="utf-8"))
