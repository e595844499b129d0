"""What earlier batches of the provider's took, as a quote learns from it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

#: Of requests in batches, those that find their beginning cached: at worst, as a rule, at best. The
#: provider promises nothing, and others saw all of this.
COLD_HITS = (0.30, 0.70, 0.98)
#: As slices have it: of so many items one is asked alone, where the prompts are new to batches; and
#: from so many requests on it pays to write their beginning to the cache, by a batch of one.
ALONE_FROM, PRIMED_FROM = 10, 5
#: Fewer batches say nothing.
_ENOUGH_BATCHES = 5


class Cached(NamedTuple):
    """Of a batch's requests, those whose beginning was marked for the cache, and found in it."""

    found: int
    marked: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PastBatches:
    """What the provider's last batches took, in seconds, and what their requests found in the
    cache; and whether one had answers to these prompts."""

    seconds: Sequence[float] = ()
    cached: Sequence[Cached] = ()
    before: bool = False

    def goes_ahead(self, items: float) -> bool:
        """Whether a run of so many asks one of them in realtime, before all others."""
        return items >= ALONE_FROM and not self.before

    @property
    def hits(self) -> tuple[float, float, float]:
        """Of a run's requests: at worst, as a rule, at best."""
        # A batch of few marks nothing, and tells nothing of what is found.
        told = [batch for batch in self.cached if batch.marked]
        if len(told) < _ENOUGH_BATCHES:
            return COLD_HITS
        rates = [batch.found / batch.marked for batch in told]
        usual = sum(batch.found for batch in told) / sum(batch.marked for batch in told)
        return min(rates), usual, max(rates)

    @property
    def known_seconds(self) -> Sequence[float]:
        """None where too few are known."""
        return self.seconds if len(self.seconds) >= _ENOUGH_BATCHES else ()


NO_BATCHES = PastBatches()
