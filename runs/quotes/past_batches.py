"""What earlier batches of the provider's took, as a quote learns from it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

#: Of requests in batches, those that find their beginning cached: at worst, as a rule, at best. The
#: provider promises nothing, and others saw all of this.
COLD_HITS = (0.30, 0.70, 0.98)
#: Fewer batches say nothing.
_ENOUGH_BATCHES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class PastBatches:
    """What the provider's last batches took, in seconds, and the parts of their requests that found
    their beginning in the cache."""

    seconds: Sequence[float] = ()
    hit_rates: Sequence[float] = ()

    @property
    def hits(self) -> tuple[float, float, float]:
        """Of a run's requests: at worst, as a rule, at best."""
        if len(self.hit_rates) < _ENOUGH_BATCHES:
            return COLD_HITS
        return min(self.hit_rates), fmean(self.hit_rates), max(self.hit_rates)

    @property
    def known_seconds(self) -> Sequence[float]:
        """None where too few are known."""
        return self.seconds if len(self.seconds) >= _ENOUGH_BATCHES else ()


NO_BATCHES = PastBatches()
