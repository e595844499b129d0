"""What calls cost and can cost at most, by the table in prices.toml: integer micro-dollars."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

from providers.values import Usage

PRICES_PATH = Path(__file__).with_name("prices.toml")

#: What a model's id may end in without being another model: a date or "latest".
_VERSION = re.compile(r"-(\d{8}|latest)$")
#: So many days later a call is billed at the latest: a batch ends within 24 hours.
_UNDER_WAY_DAYS = 2
_FULL_PRICE = Decimal(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """One row of the table: US dollars per million tokens; the columns stand in prices.toml.

    A dollar per million tokens is a micro-dollar per token.
    """

    model: str
    since: date
    input: Decimal
    output: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal
    prompt_over: int = 0
    batch: Decimal = _FULL_PRICE

    def holds_for(self, prompt_tokens: int) -> bool:
        """Whether prompts of this length are in the row's tier or in one above it."""
        return self.prompt_over == 0 or prompt_tokens > self.prompt_over

    def cost(self, usage: Usage) -> Decimal:
        """What this usage costs in micro-dollars outside of a batch, not rounded."""
        return (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_write_5m_tokens * self.cache_write
            + usage.cache_write_1h_tokens * self.cache_write_1h
            + usage.cache_read_tokens * self.cache_read
        )

    def worst_case(self, *, input_tokens: int, output_tokens: int) -> Decimal:
        """The same of so many tokens where all of the input is of the dearest class."""
        dearest = max(self.input, self.cache_write, self.cache_write_1h, self.cache_read)
        return input_tokens * dearest + output_tokens * self.output


def cost_micro_usd(model: str, usage: Usage, at: date, *, batch: bool = False) -> int | None:
    """What a call cost, rounded half up, or None when the table has no price for it on that day.

    The model must be the table's id, alone or with a date or "latest" behind it. A shorter id
    never stands in for a longer one: claude-opus-5 and claude-opus-5-5 have their own prices.
    Of the rows that hold, the newest counts, and of equally new ones that for the longest prompt.
    """
    price = _price_of(model, usage.prompt_tokens, at)
    return None if price is None else _rounded(price.cost(usage), price, batch=batch)


def worst_case_micro_usd(
    model: str, *, input_tokens: int, output_tokens: int, at: date, batch: bool = False
) -> int | None:
    """What a call can cost at most that begins on that day, or None where it has no price.

    Args:
        input_tokens: no fewer than the whole prompt has.
        output_tokens: the call's own cap.

    Every row counts that may be the one by which it is billed: those of the tiers up to this
    length, and those that take effect while it is under way.
    """
    if not has_price(model, at):
        return None
    lengths = [row.prompt_over for row in _rows(model) if row.prompt_over < input_tokens]
    days = [at + timedelta(days) for days in range(_UNDER_WAY_DAYS + 1)]
    prices = {_price_of(model, length, day) for length in (*lengths, input_tokens) for day in days}
    return max(
        _rounded(
            price.worst_case(input_tokens=input_tokens, output_tokens=output_tokens),
            price,
            batch=batch,
        )
        for price in prices
        if price is not None
    )


def cache_saving_micro_usd(
    model: str, usage: Usage, at: date, *, batch: bool = False
) -> int | None:
    """What the cache saved on the input of several calls together, by the prices of short prompts;
    less than 0 where more was written than read, and None where the model has no price."""
    price = _price_of(model, 0, at)
    if price is None:
        return None
    uncached = usage.prompt_tokens * price.input
    return _rounded(uncached - price.cost(replace(usage, output_tokens=0)), price, batch=batch)


def batch_saving_micro_usd(model: str, cost_micro_usd: int, at: date) -> int | None:
    """How much more calls in batches would have cost one by one that cost so much together; None
    where the model has no price, or its batches cost nothing."""
    price = _price_of(model, 0, at)
    if price is None or not price.batch:
        return None
    return int((cost_micro_usd / price.batch).to_integral_value(ROUND_HALF_UP)) - cost_micro_usd


def price_days() -> tuple[date, ...]:
    """The days from which a price holds, the latest first; between two of them none changes."""
    days = {row.since for rows in _prices().values() for row in rows}
    return tuple(sorted(days, reverse=True))


def has_price(model: str, at: date) -> bool:
    """Whether every call of this model has a price on that day."""
    return _price_of(model, 0, at) is not None


def unversioned(model: str) -> str:
    """The id by which the table knows a model."""
    return _VERSION.sub("", model)


def parse_prices(text: str) -> dict[str, tuple[Price, ...]]:
    """The table by model.

    Raises:
        ValueError: a row is incomplete, makes no sense, or is there twice.
    """
    prices = [_parsed(row) for row in tomllib.loads(text, parse_float=Decimal)["price"]]
    _refuse_doubles(prices)
    return {
        model: tuple(price for price in prices if price.model == model)
        for model in {price.model for price in prices}
    }


def _rows(model: str) -> tuple[Price, ...]:
    return _prices().get(unversioned(model), ())


def _price_of(model: str, prompt_tokens: int, at: date) -> Price | None:
    rows = [row for row in _rows(model) if row.since <= at and row.holds_for(prompt_tokens)]
    return max(rows, key=lambda row: (row.since, row.prompt_over), default=None)


def _rounded(micro_usd: Decimal, price: Price, *, batch: bool) -> int:
    factor = price.batch if batch else _FULL_PRICE
    return int((micro_usd * factor).to_integral_value(ROUND_HALF_UP))


def _parsed(row: Mapping[str, Any]) -> Price:
    money = ("input", "output", "cache_write", "cache_write_1h", "cache_read")
    try:
        amounts = {name: Decimal(row[name]) for name in money}
        price = Price(**{**row, **amounts, "batch": Decimal(row.get("batch", _FULL_PRICE))})
    except (KeyError, TypeError) as exc:
        raise ValueError(f"prices.toml: a row is not complete: {dict(row)}") from exc
    if min(price.batch, *amounts.values()) < 0:
        raise ValueError(f"prices.toml: a price is negative: {dict(row)}")
    if price.batch > _FULL_PRICE:
        raise ValueError(f"prices.toml: a batch is dearer than its calls: {dict(row)}")
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
