"""What a provider's own report says that was used: sums of days, for a look beside our ledger."""

from dataclasses import dataclass
from datetime import date

from providers.values import Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class DayUsage:
    """What was used on a day (UTC) of a model, in batches or without."""

    day: date
    model: str
    batch: bool
    usage: Usage
