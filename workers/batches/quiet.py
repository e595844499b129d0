"""How long the provider is left alone after an error."""

import time

from providers.errors import ProviderError

_LEAST_S, _MOST_S = 2.0, 60.0


class Quiet:
    """Grows with each error in a row, up to a minute, or as long as the provider asked for."""

    def __init__(self) -> None:
        self._until = float("-inf")
        self._in_a_row = 0

    @property
    def lasts(self) -> bool:
        """Nobody is to ask now."""
        return time.monotonic() < self._until

    def after(self, error: ProviderError) -> None:
        """There was an error."""
        grown_s = min(_MOST_S, _LEAST_S * float(2 ** min(self._in_a_row, 10)))
        self._in_a_row += 1
        self._until = time.monotonic() + max(grown_s, min(error.retry_after_s or 0.0, 3600.0))

    def over(self) -> None:
        """It answered."""
        self._until, self._in_a_row = float("-inf"), 0
