"""The provider's clock: the machine's, moved on where a test asks for it."""

import time
from datetime import UTC, datetime


class Clock:
    """Time as the provider sees it. Latencies and the call log keep to the machine's own."""

    def __init__(self) -> None:
        self.advanced_s = 0.0

    def now_s(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.advanced_s

    def monotonic_s(self) -> float:
        """For buckets and the prompt cache; moved like `now_s`."""
        return time.monotonic() + self.advanced_s

    def advance(self, seconds: float) -> None:
        """Move on; nothing moves it back."""
        self.advanced_s += seconds


def rfc3339(epoch_s: float | None) -> str | None:
    """A moment as the provider writes it, in UTC."""
    if epoch_s is None:
        return None
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="microseconds")
