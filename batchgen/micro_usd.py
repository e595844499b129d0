"""Amounts: whole micro-dollars inside, dollars for people and the API."""

import re
from decimal import Decimal

#: Micro-dollars in a dollar.
MICRO = 1_000_000
#: Dollars that can be said: up to ten million, and exact to a micro-dollar.
USD_PATTERN = r"\d{1,8}(\.\d{1,6})?"
MOST_USD = 10_000_000
_USD = re.compile(USD_PATTERN, re.ASCII)


def usd_of(micro_usd: int) -> Decimal:
    """In dollars, exact."""
    return Decimal(micro_usd) / MICRO


def usd_read(text: str) -> int | None:
    """The micro-dollars of dollars as people write them; None for all else."""
    if not _USD.fullmatch(text):
        return None
    amount = int(Decimal(text) * MICRO)
    return amount if amount <= MOST_USD * MICRO else None


def usd_text(micro_usd: int) -> str:
    """For people: `$0.25`, `$1,204.00`, and as many places as an amount has: `$0.0104`."""
    whole, _, places = f"{usd_of(micro_usd):,.6f}".partition(".")
    return f"${whole}.{places.rstrip('0').ljust(2, '0')}"
