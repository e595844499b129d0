"""What a process does every so often, when it comes by."""

import time


class Rhythm:
    """When it is time again."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._last = float("-inf")

    def due(self) -> bool:
        """Whether it is time; then the next time is an interval away."""
        now = time.monotonic()
        if now - self._last < self._every_s:
            return False
        self._last = now
        return True
